"""Events for tests that would else wait for seconds: what a run prints, and a clock that jumps."""

import io
from collections.abc import Callable
from dataclasses import replace

from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock

# What a site that does not load looks like.
DEAD = ("502 Bad Gateway", "no answer within", "closed before an answer", "refused")


class Ahead(SystemClock):
    """A clock that can jump over a timeout."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def jump(self) -> None:
        self.ahead += 3600


def hooked(run: Run, when: str | Callable[[str], bool], act: Callable[[], object]) -> tuple[Run, io.StringIO]:
    """Do something at the moment when a text is printed, once; return the run and what it prints."""
    todo, seen = [act], when if callable(when) else lambda text: when in text

    class Hook(io.StringIO):
        def write(self, text: str) -> int:
            if seen(text) and todo:
                todo.pop()()
            return super().write(text)

    out = Hook()
    return replace(run, out=Output(out, out)), out


def impatient(run: Run, address: str) -> tuple[Run, io.StringIO]:
    """Let time be over when a site that does not load is seen at an address: the wait that sees it gives up.

    How it looks depends on how fast the machine is: systemd gives a unit up that fails five times in ten seconds, its socket
    closes and nginx answers 502; before, and on a slow machine for ever, connections wait.
    """
    clock = Ahead()
    return hooked(replace(run, clock=clock), lambda text: address in text and any(sign in text for sign in DEAD), clock.jump)
