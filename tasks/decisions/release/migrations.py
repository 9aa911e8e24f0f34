"""The site's report on its pending migrations (`manage.py pendingmigrations`), and whether a deploy may continue."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COMMAND = "pendingmigrations"
MIGRATE = "migraterolling"  # as `migrate`; new NOT NULL columns keep their default in the database
FORMAT = 2
VERDICTS = ("none", "compatible", "review", "incompatible")


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

    @property
    def line(self) -> str:
        """Return the text for the operator."""
        instead = f" Instead: {self.instead}." if self.instead and self.verdict != "compatible" else ""
        locks = f" Locks: {self.locks}" if self.locks else ""
        return f"{self.verdict:12}  {self.where}: {self.operation}: {self.why}.{instead}{locks}"


@dataclass(frozen=True)
class PendingMigrations:
    """All pending operations, and the worst verdict."""

    verdict: str
    operations: tuple[PendingOperation, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Return a line for each operation that changes something, the worst first."""
        worst = sorted(self.operations, key=lambda operation: -VERDICTS.index(operation.verdict))
        return tuple(operation.line for operation in worst if operation.verdict != "none")


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
        said = str(document["verdict"])
    except (KeyError, TypeError) as error:
        raise Garbled(f"it lacks {error}") from error
    if answered != sorted(databases):
        raise Garbled(f"it is about the databases {', '.join(answered) or 'none'}, asked was {', '.join(databases)}")
    found = max((operation.verdict for operation in operations), key=VERDICTS.index, default="none")
    if said != found:
        raise Garbled(f"it says {said} of all, and {found} of one")
    return PendingMigrations(said, operations)


def find(printed: str) -> Mapping[str, Any]:
    """Return the command's document from everything the site printed. Raises Garbled without one."""
    for start in re.finditer(r"^\{", printed, re.M):
        try:
            document, _ = json.JSONDecoder().raw_decode(printed[start.start() :])
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and "format" in document:
            return document
    raise Garbled("not JSON")


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


def incompatible_message(pending: PendingMigrations, sha: str) -> str:
    """Return the error for migrations that do not work with the running release."""
    lines: Sequence[str] = [
        f"the migrations of {sha[:12]} do not work with the running release; nothing was changed:",
        *(f"  {line}" for line in pending.lines if line.startswith("incompatible")),
        "Either rewrite them as said above, over two releases, or show a maintenance page meanwhile: ship --maintenance",
    ]
    return "\n".join(lines)
