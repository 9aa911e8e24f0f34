"""The site's report on its pending migrations (`manage.py pendingmigrations`), and whether a deploy may continue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .stages import unknown

COMMAND = "pendingmigrations"
MIGRATE = "migraterolling"  # as `migrate`; new NOT NULL columns keep their default in the database
FORMAT = 2
EXPAND, CONTRACT = "expand", "contract"
VERDICTS = ("none", "compatible", "review", "incompatible")
_LONGEST_DELAY = 1e9  # seconds
_FAILURES = 100  # beginnings of a document that is none, before the answer


class Garbled(ValueError):
    """An answer that cannot be read; nothing may be concluded from it."""


@dataclass(frozen=True)
class PendingOperation:
    """A pending operation and its verdict."""

    where: str  # app and migration, with the database unless it is the default
    operation: str
    verdict: str
    why: str
    instead: str
    locks: str
    stage: str = ""  # expand: before the rollout; contract: after it; "": all run at once

    @property
    def line(self) -> str:
        """Return the text for the operator."""
        instead = f" Instead: {self.instead}." if self.instead and self.verdict != "compatible" else ""
        locks = f" Locks: {self.locks}" if self.locks else ""
        stage = f"{self.stage:8}  " if self.stage else ""
        return f"{self.verdict:12}  {stage}{self.where}: {self.operation}: {self.why}.{instead}{locks}"


@dataclass(frozen=True)
class PendingMigrations:
    """All pending operations, and the worst verdict.

    `waiting`: the migrations that run after the rollout, as app.name, in front of it the database and a colon unless it is the
    default; `delay`: for how many seconds they are marked to wait then; `staged`: the same migrations in two stages.
    """

    verdict: str
    operations: tuple[PendingOperation, ...]
    waiting: tuple[str, ...] = ()
    delay: float = 0.0
    staged: PendingMigrations | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """Return a line for each operation that changes something, the worst first."""
        worst = sorted(self.operations, key=lambda operation: -VERDICTS.index(operation.verdict))
        return tuple(operation.line for operation in worst if operation.verdict != "none")

    def left(self, alias: str) -> tuple[str, ...]:
        """Return the migrations of a database that run after the rollout, as app.name."""
        named = [name.rpartition(":") for name in self.waiting]
        return tuple(name for database, _, name in named if (database or "default") == alias)


def read(printed: str, databases: Sequence[str]) -> PendingMigrations:
    """Read the command's answer from everything the site printed.

    `databases`: the aliases in the request. Raises Garbled for any other format than that of these tasks,
    and for an answer about other databases.
    """
    document = find(printed)
    if document.get("format") != FORMAT:
        raise Garbled(
            f"it has the format {document.get('format')!r}, these tasks know {FORMAT}: copy the command of the same version"
        )
    try:
        operations = tuple(
            _operation(str(database["alias"]), operation)
            for database in document["databases"]
            for operation in database["operations"]
        )
        answered = sorted(str(database["alias"]) for database in document["databases"])
        said, staged = str(document["verdict"]), _staged(document["databases"])
        waiting = tuple(_waiting(document["databases"]))
    except (KeyError, TypeError) as error:
        raise Garbled(f"it lacks {error}") from error
    if answered != sorted(databases):
        raise Garbled(f"it is about the databases {', '.join(answered) or 'none'}, asked was {', '.join(databases)}")
    found = max((operation.verdict for operation in operations), key=VERDICTS.index, default="none")
    if said != found:
        raise Garbled(f"it says {said} of all, and {found} of one")
    return PendingMigrations(said, operations, waiting, staged=staged)


def find(printed: str) -> Mapping[str, Any]:
    """Return the command's document from everything the site printed. Raises Garbled without one."""
    failed = 0
    for start in re.finditer(r"^\{", printed, re.M):
        try:
            document, _ = json.JSONDecoder().raw_decode(printed, start.start())
        except (ValueError, RecursionError):
            failed += 1  # each error counts all lines before it
            if failed >= _FAILURES:
                break
            continue
        if isinstance(document, dict) and "format" in document:
            return document
    raise Garbled("not JSON")


def _waiting(databases: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for database in databases:
        prefix = "" if database["alias"] == "default" else f"{database['alias']}:"
        yield from (f"{prefix}{name}" for name in database.get("waiting", ()))


def _staged(databases: Sequence[Mapping[str, Any]]) -> PendingMigrations | None:
    """Read the answer for two stages; None where nothing has to wait, or the site's command knows of no stages."""
    if not any(database.get("staged") for database in databases):
        return None
    halves = [database.get("staged") or {**database, "delay": 0.0} for database in databases]
    aliased = [{**half, "alias": database["alias"]} for half, database in zip(halves, databases, strict=True)]
    operations = tuple(
        replace(_operation(str(half["alias"]), one), stage=str(one.get("stage", EXPAND)))
        for half in aliased
        for one in half["operations"]
    )
    verdict = max((operation.verdict for operation in operations), key=VERDICTS.index, default="none")
    return PendingMigrations(verdict, operations, tuple(_waiting(aliased)), max(map(_delay, halves)))


def _delay(half: Mapping[str, Any]) -> float:
    delay = half["delay"]
    if type(delay) not in (int, float) or not 0 <= delay <= _LONGEST_DELAY:
        raise Garbled("a delay in it is no number of seconds")
    return float(delay)


def _operation(alias: str, found: Mapping[str, Any]) -> PendingOperation:
    where = f"{found['app']}.{found['migration']}" + (f" ({alias})" if alias != "default" else "")
    verdict = str(found["verdict"])
    if verdict not in VERDICTS:
        raise Garbled(f"it has the verdict {verdict!r}; known: {', '.join(VERDICTS)}")
    texts = [str(found[name]) for name in ("operation", "why", "instead", "locks")]
    return PendingOperation(where, texts[0], verdict, *texts[1:])


def decide(verdict: str, *, yes: bool, breaking: bool) -> str:
    """Decide whether a deploy continues: `go`, `ask` or `refuse`.

    `yes`: the operator has reviewed the migrations; `breaking`: no visitor is served meanwhile, so anything may run.
    """
    if breaking or verdict in ("none", "compatible"):
        return "go"
    if verdict == "review":
        return "go" if yes else "ask"
    return "refuse"


def chosen(pending: PendingMigrations, *, stages: bool) -> PendingMigrations:
    """Return the migrations as they are to run: in two stages where that is no worse than all at once; `stages`: it may be."""
    staged = pending.staged
    if not stages or staged is None or VERDICTS.index(staged.verdict) > VERDICTS.index(pending.verdict):
        return pending
    # Where neither works, the reasons against one step are the plainer ones.
    return staged if staged.verdict != "incompatible" else pending


def still_waiting(pending: PendingMigrations, earlier: str) -> list[str]:
    """Return the migrations of an earlier release that still wait; `earlier`: the tag of the management instance."""
    staged = pending.staged
    waiting = staged.waiting if staged else ()
    return [name for name in waiting if not unknown(earlier, [name])]


def incompatible_message(pending: PendingMigrations, sha: str, earlier: Sequence[str] = (), *, stages: bool = True) -> str:
    """Return the error for migrations that do not work with the running release.

    `earlier`: those of an earlier release that still wait; `stages`: contracting migrations may run after the rollout.
    """
    staged = pending.staged
    if earlier and staged:
        return (
            f"migrations of an earlier release still wait until no old code runs: {', '.join(earlier)}; nothing was changed."
            " Those of this release depend on them: run `contract` first"
        )
    lines: Sequence[str] = [
        f"the migrations of {sha[:12]} do not work with the running release; nothing was changed:",
        *(f"  {line}" for line in pending.lines if line.startswith("incompatible")),
        *_two_stages(staged, stages=stages),
        "Either rewrite them as said above, over two releases, or show a maintenance page meanwhile: ship --maintenance",
    ]
    return "\n".join(lines)


def _two_stages(staged: PendingMigrations | None, *, stages: bool) -> Iterator[str]:
    if staged is None:
        return
    waiting = ", ".join(staged.waiting)
    if staged.verdict != "incompatible":
        if not stages:
            yield f"They would work in two stages, {waiting} after the rollout: app.contract: later"
        return
    yield f"In two stages, {waiting} after the rollout, they do not work either:"
    yield from (f"  {line}" for line in staged.lines if line.startswith("incompatible"))
