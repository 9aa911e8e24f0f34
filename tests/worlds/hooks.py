"""Events for tests that would else wait for seconds: what a run prints, and a clock that jumps."""

import io
from collections.abc import Callable
from dataclasses import replace

from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock


class Ahead(SystemClock):
    """A clock that can jump over a timeout."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def jump(self) -> None:
        self.ahead += 3600


def hooked(run: Run, when: str, act: Callable[[], object]) -> tuple[Run, io.StringIO]:
    """Do something at the moment when a text is printed, once; return the run and what it prints."""
    todo = [act]

    class Hook(io.StringIO):
        def write(self, text: str) -> int:
            if when in text and todo:
                todo.pop()()
            return super().write(text)

    out = Hook()
    return replace(run, out=Output(out, out)), out


def impatient(run: Run, when: str) -> tuple[Run, io.StringIO]:
    """Let time be over at the moment when a text is printed: the wait that saw it gives up."""
    clock = Ahead()
    return hooked(replace(run, clock=clock), when, clock.jump)
