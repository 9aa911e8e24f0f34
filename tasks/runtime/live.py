"""The lanes of a rollout on a terminal, while it runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from ..decisions.reporting.lanes import LEGEND, Frame, drawn, frame
from ..decisions.rollout.snapshot import Fleet
from .output import Output

_ROWS = 24  # of all groups together, where the terminal is higher
_RESERVED = 6  # rows for the lines above


class LiveLanes:
    """Draw each group as a rollout sees it; `now`: epoch seconds."""

    def __init__(self, out: Output, now: Callable[[], float]) -> None:
        self._out = out
        self._now = now
        self._frames: dict[str, list[Frame]] = {}

    def see(self, fleet: Fleet) -> None:
        """Take a group as it is now, and draw all."""
        shown = frame(fleet, self._now())
        known = self._frames.setdefault(fleet.group, [])
        if not known or (known[-1].desired, known[-1].instances) != (shown.desired, shown.instances):
            known.append(shown)
        columns, height = shutil.get_terminal_size()
        rows = max(3, min(_ROWS, height - _RESERVED) // len(self._frames))
        lines = [f"   {line}" for frames in self._frames.values() for line in drawn(frames, self._now(), columns - 4, rows)]
        self._out.lanes([*lines, f"   {LEGEND}"])
