"""The journal of a run: every event once, passed to all that listen."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..decisions.reporting.events import Event, Kind
from ..decisions.reporting.outcomes import Outcome
from ..decisions.rollout.snapshot import Fleet
from .steps import Step
from .text import redact


class Sink(Protocol):
    """A receiver of events: it returns at once and raises nothing."""

    def take(self, event: Event) -> None:
        """Take an event."""

    def close(self) -> None:
        """Wait a moment for what is left."""


@dataclass
class Journal:
    """The events of one run, and the facts that are known so far; safe to use from several threads.

    `command`: its name; `line`: the command line that does the same again; `by`: the operator; `now`: the time in epoch
    seconds; `clean`: masks secrets.
    """

    command: str = ""
    line: str = ""
    by: str = ""
    now: Callable[[], float] = lambda: 0.0
    clean: Callable[[str], str] = str
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    facts: dict[str, str] = field(default_factory=dict)
    sinks: list[Sink] = field(default_factory=list)
    viewers: list[Callable[[Fleet], None]] = field(default_factory=list)  # called with each group as a rollout sees it
    stepped: bool = False  # whether a step has begun
    _began: float | None = None
    _lock: Any = field(default_factory=threading.RLock)

    def note(self, **facts: str) -> None:
        """Remember facts of the run."""
        with self._lock:
            self.facts |= {name: self.clean(text) for name, text in facts.items()}

    def began(self) -> None:
        """Report that the command begins."""
        self._began = self.now()
        self.emit("run-began")

    def ended(self, outcome: Outcome, code: int, text: str = "") -> None:
        """Report how the command ended, if it was reported to begin."""
        if self._began is not None:
            self.emit("run-ended", outcome=outcome, code=code, text=text, seconds=round(self.now() - self._began, 3))
            self._began = None

    def step_began(self, step: Step) -> None:
        """Report that a step begins."""
        self.stepped = True
        self.note(**step.facts)
        self.emit("step-began", step=step.key, number=step.number)

    def step_ended(self, step: Step) -> None:
        """Report how a step ended."""
        self.emit("step-ended", step=step.key, number=step.number, outcome=step.outcome, seconds=round(step.seconds, 3))

    def action(self, group: str, text: str) -> None:
        """Report a change of a group."""
        self.emit("action", group=group, text=text)

    def see(self, fleet: Fleet) -> None:
        """Show a group, as a rollout has just seen it, to all that look."""
        for viewer in self.viewers:
            viewer(fleet)

    def warning(self, text: str) -> None:
        """Report a warning that was shown; after the end of the run none, as that is its last event."""
        if self._began is not None:
            self.emit("warning", text=text)

    def emit(self, kind: Kind, **fields: Any) -> None:
        """Pass an event to every sink."""
        if not self.sinks:
            return
        if "text" in fields:
            fields["text"] = redact(self.clean(fields["text"]))
        with self._lock:
            line, facts = redact(self.clean(self.line)), dict(self.facts)
            self.send(Event(kind, self.now(), self.run, self.command, line, self.by, facts, **fields))

    def send(self, event: Event) -> None:
        """Pass a whole event, which may be of another run, to every sink."""
        with self._lock:
            for sink in self.sinks:
                sink.take(event)

    def close(self) -> None:
        """Give every sink a moment for what is left."""
        for sink in self.sinks:
            sink.close()
        self.sinks = []
