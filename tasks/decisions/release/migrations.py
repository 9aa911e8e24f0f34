"""What the site says of its pending migrations (`manage.py pendingmigrations`), and whether a deploy may go on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COMMAND = "pendingmigrations"
FORMAT = 1
VERDICTS = ("none", "compatible", "review", "incompatible")


class Garbled(ValueError):
    """Say why an answer cannot be read; nothing may be concluded from it."""


@dataclass(frozen=True)
class Judged:
    """A pending operation and what is said of it."""

    where: str  # app and migration, with the database where it is not the default one
    operation: str
    verdict: str
    why: str
    instead: str
    locks: str

    @property
    def told(self) -> str:
        """Return it as an operator reads it."""
        instead = f" Instead: {self.instead}." if self.instead and self.verdict != "compatible" else ""
        locks = f" PostgreSQL: {self.locks}" if self.locks else ""
        return f"{self.verdict:12}  {self.where}: {self.operation}: {self.why}.{instead}{locks}"


@dataclass(frozen=True)
class Judgement:
    """All of them, and the worst of what is said."""

    verdict: str
    operations: tuple[Judged, ...]

    @property
    def told(self) -> tuple[str, ...]:
        """Return the operations that change something, the worst first."""
        worst = sorted(self.operations, key=lambda one: -VERDICTS.index(one.verdict))
        return tuple(one.told for one in worst if one.verdict != "none")


def read(printed: str, databases: Sequence[str]) -> Judgement:
    """Read the answer of the command among whatever else the site printed.

    `databases`: the aliases that it was asked about. Raises Garbled for anything that is not the format that these tasks know,
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
    found = max((one.verdict for one in operations), key=VERDICTS.index, default="none")
    if said != found:
        raise Garbled(f"it says {said} of all, and {found} of one")
    return Judgement(said, operations)


def find(printed: str) -> Mapping[str, Any]:
    """Return the document of the command among whatever else the site printed. Raises Garbled if there is none."""
    for start in re.finditer(r"^\{", printed, re.M):
        try:
            document, _ = json.JSONDecoder().raw_decode(printed[start.start() :])
        except (ValueError, RecursionError):
            continue
        if isinstance(document, dict) and "format" in document:
            return document
    raise Garbled("it is no JSON")


def _operation(alias: str, told: Mapping[str, Any]) -> Judged:
    where = f"{told['app']}.{told['migration']}" + (f" ({alias})" if alias != "default" else "")
    verdict = str(told["verdict"])
    if verdict not in VERDICTS:
        raise Garbled(f"it has the verdict {verdict!r}; known: {', '.join(VERDICTS)}")
    texts = [str(told[name]) for name in ("operation", "why", "instead", "locks")]
    return Judged(where, texts[0], verdict, *texts[1:])


def decide(verdict: str, *, yes: bool, breaking: bool) -> str:
    """Decide whether a deploy goes on: `go`, `ask` or `refuse`.

    `yes`: the operator has looked at what is to be reviewed; `breaking`: nobody is served meanwhile, so anything may.
    """
    if breaking or verdict in ("none", "compatible"):
        return "go"
    if verdict == "review":
        return "go" if yes else "ask"
    return "refuse"


def refusal(judgement: Judgement, sha: str) -> str:
    """Return what an operator is told whose migrations do not fit the release that serves."""
    lines: Sequence[str] = [
        f"the migrations of {sha[:12]} do not work with the running release; nothing was changed:",
        *(f"  {line}" for line in judgement.told if line.startswith("incompatible")),
        "Either rewrite them as said above, over two releases, or show a maintenance page meanwhile: ship --maintenance",
    ]
    return "\n".join(lines)
