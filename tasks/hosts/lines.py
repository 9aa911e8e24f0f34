"""The lines of a command's output, as it comes in pieces of bytes."""

from __future__ import annotations

import codecs
from collections.abc import Callable

LONGEST = 64 * 1024  # characters: a longer line is handed over in parts


class _Stream:
    """One stream: whole lines out of pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def lines(self, data: bytes, *, final: bool = False) -> list[str]:
        """Return the lines that are complete now; with `final` the rest too."""
        *whole, self._rest = (self._rest + self._decoder.decode(data, final)).split("\n")
        if self._rest and (final or len(self._rest) > LONGEST):
            whole, self._rest = [*whole, self._rest], ""
        return [line.rstrip("\r") for line in whole]


class Lines:
    """Hand over the lines of both streams of a command.

    `take`: called with a line, and whether it is of stderr; `mark`: the line of stdout behind which the command's own output
    begins. `marked`: whether it was seen; `before`: what came before it.
    """

    def __init__(self, take: Callable[[str, bool], None], mark: str) -> None:
        self.marked = False
        self.before = ""
        self._take = take
        self._mark = mark
        self._streams = {False: _Stream(), True: _Stream()}

    def feed(self, data: bytes, of_errors: bool) -> None:
        """Take the next piece of a stream."""
        self._hand_over(self._streams[of_errors].lines(data), of_errors)

    def end(self) -> None:
        """Hand over what has no end of line."""
        for of_errors, stream in self._streams.items():
            self._hand_over(stream.lines(b"", final=True), of_errors)

    def _hand_over(self, lines: list[str], of_errors: bool) -> None:
        for line in lines:
            if self.marked:
                self._take(line, of_errors)
            elif line == self._mark and not of_errors:
                self.marked = True
            elif len(self.before) < LONGEST:
                self.before += f"{line}\n"
