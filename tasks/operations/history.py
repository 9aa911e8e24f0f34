"""`history`: the versions that can be rolled back to."""

from __future__ import annotations

from ..aws import fleets
from ..decisions.rollout.versions import Candidate, previous
from ..errors import SettingsError
from ..fleet.versions import known_versions
from ..runtime.run import Run

COLUMNS = ("version", "revision", "image", "baked", "by", "outcome", "is")


def history(run: Run, limit: int = 20) -> None:
    """Show the template versions that can be rolled back to: revision, image, time, author, outcome."""
    if limit < 1:
        raise SettingsError(f"--limit: found {limit}; allowed: 1 or more")

    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        found, live = known_versions(run.cloud, fleet, group)
        run.out.table(f"{name}: the newest of {len(found)} versions", COLUMNS, _rows(found, live)[:limit])


def _rows(found: list[Candidate], live: str) -> list[list[str]]:
    before = previous(found, live)
    rows = []
    for c in found:
        marks = [("live", c.number == live), ("default", c.default), ("previous", c == before)]
        image = c.image + ("" if c.exists else ", gone")
        shown = ", ".join(mark for mark, applies in marks if applies)
        rows.append([c.number, (c.revision or "not ours")[:12], image or "-", c.at or "-", c.by or "-", c.outcome or "-", shown])
    return rows
