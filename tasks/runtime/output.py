"""Everything that the operator sees goes through here; a live line on a terminal, plain lines elsewhere."""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TextIO

from .plain import Plain, duration
from .terminal import Terminal, is_terminal

# What a host printed may hold escape codes: they would garble a log, and a terminal would obey them.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class StepTime:
    """How long a step took, and whether it came to its end."""

    title: str
    seconds: float
    ok: bool


class _Face(Protocol):
    def line(self, text: str, style: str = "") -> None: ...
    def warn(self, text: str) -> None: ...
    def live(self, title: str, text: str, since: float) -> None: ...
    def table(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None: ...
    def close(self) -> None: ...


class Output:
    """Show lines, steps, progress and tables; safe to call from several threads.

    `stdout` and `stderr`: the process's own when left out; `now`: seconds from any beginning.
    """

    def __init__(
        self, stdout: TextIO | None = None, stderr: TextIO | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        out, err = stdout or sys.stdout, stderr or sys.stderr
        self.steps: list[StepTime] = []
        self.begun = False  # whether a step was ever entered: from then on something may have been changed
        self._face: _Face = Terminal(out, err, now) if is_terminal(out) else Plain(out, err)
        self._now = now
        self._lock = threading.RLock()
        self._open: list[tuple[str, float]] = []
        self._secrets: set[str] = set()

    def hide(self, secret: str | None) -> None:
        """Never show this text again, wherever it appears; the lines of a longer secret are hidden one by one too."""
        with self._lock:
            self._secrets.update(part for part in (secret or "", *(secret or "").splitlines()) if len(part.strip()) > 3)

    def clean(self, text: str) -> str:
        """Return the text as it may be shown: secrets masked, escape codes and control characters gone."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))

    def say(self, text: str) -> None:
        """Show a line."""
        with self._lock:
            self._face.line(self.clean(text))

    def warn(self, text: str) -> None:
        """Show a line that stands out, on stderr."""
        with self._lock:
            self._face.warn(self.clean(f"warning: {text}"))

    def progress(self, text: str) -> None:
        """Show what a wait sees: the live line on a terminal; elsewhere a line when the text changed."""
        with self._lock:
            if not self._open:
                self._open.append(("", self._now()))
            title, since = self._open[-1]
            self._face.live(self.clean(title), self.clean(text), since)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show that a step begins and how it ended, and record its duration in `steps`."""
        mine = (title, self._now())
        with self._lock:
            self.begun = True
            self._enter(mine)
        ok = False
        try:
            yield
            ok = True
        finally:
            with self._lock:
                self._leave(mine, ok)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table: a title, the names of the columns, and rows of as many cells."""
        with self._lock:
            self._face.table(self.clean(title), columns, [[self.clean(cell) for cell in row] for row in rows])

    def report(self, title: str) -> None:
        """Show the steps so far with their durations."""
        with self._lock:
            rows = [[step.title, duration(step.seconds), "ok" if step.ok else "failed"] for step in self.steps]
        self.table(title, ["step", "took", "result"], rows)

    def close(self) -> None:
        """Take the live line away, so that what others print stands alone."""
        with self._lock:
            self._open = []
            self._face.close()

    def _enter(self, step: tuple[str, float]) -> None:
        self._open = [one for one in self._open if one[0]] + [step]
        self._face.close()
        self._face.line(self.clean(f"-> {step[0]}"), "bold")
        self._face.live(self.clean(step[0]), "", step[1])

    def _leave(self, step: tuple[str, float], ok: bool) -> None:
        title, since = step
        took = self._now() - since
        self.steps.append(StepTime(title, took, ok))
        self._open = [one for one in self._open if one[0] and one is not step]
        self._face.close()
        self._face.line(self.clean(f"{'ok' if ok else 'failed'} {title} ({duration(took)})"), "green" if ok else "bold red")
        if self._open:
            self._face.live(self.clean(self._open[-1][0]), "", self._open[-1][1])
