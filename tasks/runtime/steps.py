"""The steps of a run: names, order, durations and results."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from ..decisions.reporting.outcomes import WORDS, Outcome, outcome_of


@dataclass
class Step:
    """One step of a run.

    `name`: such as "migrate"; `number`: its place in a numbered run, or ""; `facts`: what it is about, such as the revision;
    `began` and `seconds`: on a clock with any start; `outcome`: how it ended.
    """

    name: str
    number: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    began: float = 0.0
    seconds: float = 0.0
    outcome: Outcome = "failed"

    @property
    def title(self) -> str:
        """The displayed name, with the number in front."""
        named = f"{self.name} {self.facts['instance']}" if "instance" in self.facts else self.name
        return f"{self.number:<2} {named}" if self.number else named

    @property
    def ok(self) -> bool:
        """Whether it was completed."""
        return self.outcome == "ok"

    @property
    def result(self) -> str:
        """How it ended, for people."""
        return "ok" if self.ok else WORDS[self.outcome]

    @property
    def key(self) -> str:
        """The name as hooks and events have it, such as "template-version"."""
        return self.name.lower().replace(" ", "-")


class Listener(Protocol):
    """A listener to the steps of a run."""

    def step_began(self, step: Step) -> None:
        """Called when a step begins."""

    def step_ended(self, step: Step) -> None:
        """Called when a step has ended, with `step.outcome`."""


class Steps:
    """The steps of one run, in the order in which they ended; safe to use from several threads."""

    def __init__(self, *listeners: Listener, now: Callable[[], float] = time.monotonic) -> None:
        self.ended: list[Step] = []
        self._listeners = listeners
        self._now = now
        self._lock = threading.RLock()

    @contextmanager
    def step(self, name: str, number: str = "", facts: Mapping[str, str] | None = None) -> Iterator[Step]:
        """Run a step, and notify the listeners of its beginning and its end."""
        step = Step(name, number, facts or {}, began=self._now())
        with self._lock:
            for listener in self._listeners:
                listener.step_began(step)
        try:
            yield step
            step.outcome = "ok"
        except BaseException as error:
            step.outcome = outcome_of(error)
            raise
        finally:
            step.seconds = self._now() - step.began
            with self._lock:
                self.ended.append(step)
                for listener in self._listeners:
                    listener.step_ended(step)
