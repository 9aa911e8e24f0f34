"""Output on a terminal: a live line with the elapsed time, tables that fit the width."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from .plain import duration, write

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.live import Live
    from rich.text import Text


def is_terminal(stream: TextIO) -> bool:
    """Return whether a live line can be drawn on the stream."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


class _Line:
    """The text of the live line, drawn by rich's own thread, which takes no lock of ours."""

    def __init__(self, text: str, since: float, now: Callable[[], float]) -> None:
        self.text = text
        self.since = since
        self.above: tuple[str, ...] = ()  # lines above it
        self._now = now

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        from rich.text import Text

        elapsed = duration(self._now() - self.since)
        text = Text(f"   {self.text}")
        # The time stays where the text is too long for the line.
        text.truncate(max(1, options.max_width - len(elapsed) - 2), overflow="ellipsis")
        whole = "\n".join([*self.above, f"{text.plain}  {elapsed}"])
        yield Text(whole, no_wrap=True, overflow="ellipsis", style="dim")


class Terminal:
    """Terminal backend of `Output`; rich is imported with the first live line or table."""

    def __init__(self, stdout: TextIO, stderr: TextIO, now: Callable[[], float]) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._now = now
        self._console: Console | None = None
        self._live: Live | None = None
        self._line: _Line | None = None

    def line(self, text: str, style: str = "") -> None:
        """Write a line, above the live line if there is one."""
        if style or self._console is not None:
            self._print(text, style)
        else:
            write(self._stdout, text)

    def warn(self, text: str) -> None:
        """Write a line on stderr; above the live line if both are one terminal."""
        if self._console is not None and is_terminal(self._stderr):
            self._print(text, "yellow")
        else:
            write(self._stderr, text)

    def live(self, title: str, text: str, since: float) -> None:
        """Show the live line, with the time elapsed since `since`."""
        whole = ": ".join(part for part in (title, text.replace("\n", " ")) if part)
        if self._live is None or self._line is None:
            from rich.live import Live

            self._line = _Line(whole, since, self._now)
            self._live = Live(self._line, console=self._rich(), transient=True, refresh_per_second=2)
            self._live.start(refresh=True)
        else:
            self._line.text, self._line.since = whole, since
            self._live.refresh()

    def lanes(self, lines: Sequence[str]) -> None:
        """Show lines above the live line, instead of those before; nothing without a live line."""
        if self._live is not None and self._line is not None:
            self._line.above = tuple(lines)
            self._live.refresh()

    def table(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draw a table."""
        from rich import box
        from rich.table import Table

        table = Table(*titles, title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        self._rich().print(table)

    def close(self) -> None:
        """Remove the live line."""
        if self._live is not None:
            self._live.stop()
        self._live = self._line = None

    def _print(self, text: str, style: str) -> None:
        from rich.text import Text

        # As a Text: a style given to print() would colour the live line below too.
        self._rich().print(Text(text, style=style), soft_wrap=True)

    def _rich(self) -> "Console":
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self._stdout, highlight=False, markup=False, emoji=False)
        return self._console
