"""All output for the operator: a live line on a terminal, plain lines elsewhere."""

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from ..decisions.reporting.outcomes import is_well
from .plain import Plain, duration
from .steps import Step
from .terminal import Terminal, is_terminal
from .text import hanging, inert, quoted, stripped

_RUNNERS = ("GITHUB_ACTIONS", "TF_BUILD")  # variables of CI runners that obey what a job prints


class _Backend(Protocol):
    def line(self, text: str, style: str = "") -> None: ...
    def warn(self, text: str) -> None: ...
    def live(self, title: str, text: str, since: float) -> None: ...
    def lanes(self, lines: Sequence[str]) -> None: ...
    def table(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None: ...
    def close(self) -> None: ...


class Output:
    """Show lines, steps, progress and tables; safe to call from several threads.

    `stdout` and `stderr`: the process's own when left out; `now`: seconds from any start.
    """

    def __init__(
        self, stdout: TextIO | None = None, stderr: TextIO | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        out, err = stdout or sys.stdout, stderr or sys.stderr
        self._backend: _Backend = Terminal(out, err, now) if is_terminal(out) else Plain(out, err)
        self._now = now
        self._lock = threading.RLock()
        self._open: list[tuple[str, float]] = []
        self._secrets: set[str] = set()
        self._warned: set[str] = set()
        self._on_runner = any(os.environ.get(name) for name in _RUNNERS)
        self.when_warned: Callable[[str], None] = lambda text: None  # called with each warning

    def onto(self, stdout: TextIO) -> "Output":
        """Return an output with the same secrets and listeners that shows all on a stream."""
        other = Output(stdout, now=self._now)
        other._secrets, other._warned, other.when_warned = self._secrets, self._warned, self.when_warned
        return other

    def hide(self, secret: str | None) -> None:
        """Mask this text from now on; the lines of a longer secret are masked separately too."""
        with self._lock:
            self._secrets.update(part for part in (secret or "", *(secret or "").splitlines()) if len(part.strip()) > 3)

    def clean(self, text: str) -> str:
        """Return the text as it may be shown: secrets masked, escape codes and control characters gone."""
        text = stripped(text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return inert(text) if self._on_runner else text

    def _flat(self, text: str) -> str:
        """Return the text as it may be shown in a line: its own line ends and tabs would begin others."""
        return re.sub(r"[\n\t]+", " ", self.clean(text))

    def say(self, text: str) -> None:
        """Show a line."""
        with self._lock:
            self._backend.line(hanging(self.clean(text)))

    def answer(self, found: object) -> None:
        """Show the answer of a command as JSON, for programs; `found`: what `json` can write."""
        with self._lock:
            self._backend.line(self.clean(json.dumps(found, indent=2)))

    def quote(self, text: str) -> None:
        """Show foreign text as a marked block, distinct from our own lines."""
        with self._lock:
            self._backend.line(quoted(self.clean(text)))

    def relay(self, text: str, *, aside: bool = False) -> None:
        """Show a line of a host's output that is the answer to a command, without a mark; `aside`: on stderr."""
        with self._lock:
            (self._backend.warn if aside else self._backend.line)(self.clean(text))

    def warn(self, text: str) -> None:
        """Show a highlighted line on stderr."""
        with self._lock:
            self._backend.warn(hanging(self.clean(f"warning: {text}")))
        self.when_warned(text)

    def warn_once(self, text: str) -> None:
        """Warn, unless the same was said in this run."""
        with self._lock:
            if text not in self._warned:
                self._warned.add(text)
                self.warn(text)

    def progress(self, text: str) -> None:
        """Show the state of a wait: the live line on a terminal; elsewhere a line when the text changed."""
        with self._lock:
            if not self._open:
                self._open.append(("", self._now()))
            title, since = self._open[-1]
            self._backend.live(self._flat(title), self._flat(text), since)

    @property
    def is_live(self) -> bool:
        """Return whether a live line can be drawn."""
        return isinstance(self._backend, Terminal)

    def lanes(self, lines: Sequence[str]) -> None:
        """Show lines above the live line of a terminal, instead of those before."""
        with self._lock:
            self._backend.lanes([self._flat(line) for line in lines])

    def step_began(self, step: Step) -> None:
        """Show that a step begins."""
        with self._lock:
            self._open = [(title, since) for title, since in self._open if title] + [(step.title, step.began)]
            self._backend.close()
            self._backend.line(self._flat(f"-> {step.title}"), "bold")
            self._backend.live(self._flat(step.title), "", step.began)

    def step_ended(self, step: Step) -> None:
        """Show the result of a step and its duration."""
        with self._lock:
            self._open = [(title, since) for title, since in self._open if title and (title, since) != (step.title, step.began)]
            self._backend.close()
            result = f"{step.result} {step.title} ({duration(step.seconds)})"
            self._backend.line(self._flat(result), "green" if step.ok else "bold" if is_well(step.outcome) else "bold red")
            if self._open:
                title, since = self._open[-1]
                self._backend.live(self._flat(title), "", since)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table: a title, the names of the columns, and rows of as many cells."""
        with self._lock:
            self._backend.table(self._flat(title), columns, [[self._flat(cell) for cell in row] for row in rows])

    def report(self, title: str, steps: Sequence[Step]) -> None:
        """Show steps with their durations."""
        rows = [[step.title, duration(step.seconds), step.result] for step in steps]
        self.table(title, ["step", "took", "result"], rows)

    def close(self) -> None:
        """Remove the live line, so that other programs can print."""
        with self._lock:
            self._open = []
            self._backend.close()
