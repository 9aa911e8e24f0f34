"""`audit`: who ran which changing command, when, and how it ended."""

from __future__ import annotations

from typing import Any

from ..aws import log
from ..decisions.reporting.events import instant
from ..decisions.reporting.log import Entry, latest
from ..errors import SettingsError
from ..runtime.plain import duration
from ..runtime.run import Run

COLUMNS = ("began", "command line", "by", "AWS identity", "revision", "took", "outcome")


def audit(run: Run, limit: int = 20, json: bool = False) -> None:
    """Show the latest changing commands: who, as which AWS identity, when, how long, and how they ended."""
    if limit < 1:
        raise SettingsError(f"--limit: found {limit}; allowed: 1 or more")
    group = run.settings.groups[0]
    entries = latest(log.entries(run.cloud, group))
    if json:
        run.out.answer([facts_of(entry) for entry in entries[:limit]])
        return
    rows = [
        [
            when(entry.began),
            entry.line,
            entry.by,
            entry.identity.rpartition(":")[2] or "-",
            entry.facts.get("revision", "")[:12] or "-",
            duration(entry.ended - entry.began) if entry.ended else "-",
            shown_outcome(entry),
        ]
        for entry in entries[:limit]
    ]
    run.out.table(f"{group}: the newest of {len(entries)} commands in the log", COLUMNS, rows)


def when(at: float) -> str:
    """Return a time in UTC to the second; `at` in epoch seconds."""
    return f"{instant(at)[:19]}Z"


def shown_outcome(entry: Entry) -> str:
    """Return how a run ended, in one text."""
    return entry.outcome if entry.ended else "runs, or never ended"


def facts_of(entry: Entry) -> dict[str, Any]:
    """Return a run as a JSON object."""
    return {
        "run": entry.run,
        "command": entry.command,
        "line": entry.line,
        "by": entry.by,
        "identity": entry.identity,
        "began": instant(entry.began),
        "ended": instant(entry.ended) if entry.ended else None,
        "seconds": round(entry.ended - entry.began, 3) if entry.ended else None,
        "outcome": entry.outcome or None,
        "code": entry.code if entry.ended else None,
        "text": entry.text,
        "facts": dict(entry.facts),
    }
