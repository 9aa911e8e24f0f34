"""Plain-text output for pipes and logs: whole lines, flushed at once, without escape codes."""

import os
import select
from collections.abc import Sequence
from typing import TextIO


def duration(seconds: float) -> str:
    """Return a duration as text for people.

    `seconds`: any number from 0. Returns "3.2 s", "2 min 05 s" or "1 h 02 min".
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def columns(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Align a table in plain text.

    Returns the lines, the titles first, without blanks at their ends.
    """
    grid = [list(titles), *(list(row) for row in rows)]
    widths = [max(len(line[n]) for line in grid) for n in range(len(titles))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in grid]


def write(stream: TextIO, text: str) -> None:
    """Write a line and flush it.

    A closed reader (`| head`, a closed terminal) must not stop a deployment half-way: from then on the
    stream is discarded. Characters that the stream's encoding lacks are replaced.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except OSError:
        _discard(stream)


def discard_unread(stream: TextIO) -> None:
    """Discard what is written to a stream whose reader is gone, also by others than us."""
    try:
        poll = select.poll()
        poll.register(stream, 0)
        if poll.poll(0):  # POLLERR or POLLHUP, which need not be asked for
            _discard(stream)
    except (OSError, ValueError):
        return  # no file behind it


def _discard(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class Plain:
    """Plain-text backend of `Output`, files and logs."""

    def __init__(self, stdout: TextIO, stderr: TextIO) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._last = ""

    def line(self, text: str, style: str = "") -> None:
        """Write a line; `style` is for terminals."""
        write(self._stdout, text)

    def warn(self, text: str) -> None:
        """Write a line on stderr."""
        write(self._stderr, text)

    def live(self, title: str, text: str, since: float) -> None:
        """Write the state of a wait when it changed; `title` and `since` are for terminals."""
        if text and text != self._last:
            write(self._stdout, f"   {text}")
        self._last = text

    def lanes(self, lines: Sequence[str]) -> None:
        """Show nothing: the steps of a rollout are lines already."""

    def table(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Write an aligned table below its title."""
        for text in (title, *columns(titles, rows)):
            write(self._stdout, text)

    def close(self) -> None:
        """Forget the last state."""
        self._last = ""
