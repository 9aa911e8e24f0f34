"""`history`: the versions that can be rolled back to, and the latest releases and rollbacks with their outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..aws import fleets, log
from ..decisions.reporting.log import Entry, latest
from ..decisions.rollout.versions import Candidate, previous
from ..errors import SettingsError
from ..fleet.look_ahead import look_ahead
from ..fleet.versions import known_versions
from ..runtime.plain import duration
from ..runtime.run import Run
from .audit import facts_of, shown_outcome, when

COLUMNS = ("version", "revision", "image", "baked", "by", "released", "took", "outcome", "is")
RUNS = ("began", "command", "by", "revision", "from", "to", "took", "outcome")
RELEASING = ("ship", "rollout", "rollback", "abort")


def history(run: Run, limit: int = 20, json: bool = False) -> None:
    """Show the versions that can be rolled back to, and the latest releases and rollbacks with their outcomes."""
    if limit < 1:
        raise SettingsError(f"--limit: found {limit}; allowed: 1 or more")
    with look_ahead(run, history=True):
        runs = [entry for entry in latest(log.entries(run.cloud, run.settings.groups[0])) if entry.command in RELEASING][:limit]
        groups = {name: known_versions(run.cloud, *fleets.observe(run.cloud, name)) for name in run.settings.groups}
    if json:
        known = {name: _as_json(found[:limit], live, previous(found, live)) for name, (found, live) in groups.items()}
        run.out.answer({"groups": known, "runs": [facts_of(entry) for entry in runs]})
        return
    for name, (found, live) in groups.items():
        run.out.table(f"{name}: the newest of {len(found)} versions", COLUMNS, _rows(found, live)[:limit])
    if runs:
        run.out.table("releases and rollbacks, newest first", RUNS, [_run(entry) for entry in runs])


def _rows(found: list[Candidate], live: str) -> list[list[str]]:
    before = previous(found, live)
    rows = []
    for c in found:
        image = c.image + ("" if c.exists else ", gone")
        released, took = (c.released.when, duration(c.released.took)) if c.released else ("-", "-")
        known = [c.number, (c.revision or "not ours")[:12], image or "-", c.at or "-", c.by or "-", released, took]
        rows.append([*known, c.outcome or "-", ", ".join(_marks(c, live, before))])
    return rows


def _marks(c: Candidate, live: str, before: Candidate | None) -> list[str]:
    marks = {"live": c.number == live, "default": c.default, "previous": c == before, "outdated": bool(c.outdated)}
    return [mark for mark, applies in marks.items() if applies]


def _run(entry: Entry) -> list[str]:
    revision, source, target = (entry.facts.get(name, "") for name in ("revision", "from_versions", "to_versions"))
    took = duration(entry.ended - entry.began) if entry.ended else "-"
    known = [when(entry.began), entry.command, entry.by, revision[:12] or "-", source or "-", target or "-", took]
    return [*known, shown_outcome(entry)]


def _as_json(found: Sequence[Candidate], live: str, before: Candidate | None) -> list[dict[str, Any]]:
    return [
        {
            "version": c.number,
            "revision": c.revision,
            "image": c.image,
            "image_exists": c.exists,
            "baked": c.at,
            "baked_by": c.by,
            "outcome": c.outcome,
            "is": _marks(c, live, before),
            "released": {
                "at": c.released.when,
                "by": c.released.by,
                "seconds": c.released.took,
                "from": c.released.source,
                "command": c.released.command,
                "run": c.released.run,
                "snapshot": c.released.snapshot or None,
            }
            if c.released
            else None,
        }
        for c in found
    ]
