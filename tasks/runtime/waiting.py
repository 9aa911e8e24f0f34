"""One clock, one sleeper, one poller with a deadline: every wait of every task goes through here."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..errors import TimedOut

T = TypeVar("T")


# Linux's CLOCK_MONOTONIC stands still while the machine sleeps, macOS's does not.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """What a wait needs of time, so that tests can run it virtually."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""

    def elapsed(self) -> float:
        """Return the time in seconds on a clock that nobody can set."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class SystemClock:
    """Real time."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def elapsed(self) -> float:
        """Return the time in seconds on a clock that nobody can set, and that goes on while the machine sleeps."""
        return time.clock_gettime(_STEADY)

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Waiting:
    """What a probe saw while it has no result yet."""

    seen: str


def jittered(seconds: float) -> float:
    """Spread a polling interval by a tenth either way, so that many operators do not poll in step."""
    # Imported here, for it costs `--list` more than all of this module.
    import random

    return seconds * random.uniform(0.9, 1.1)


def wait_for(
    what: str,
    probe: Callable[[], T | Waiting],
    *,
    clock: Clock,
    timeout: float,
    every: float,
    seen: Callable[[str], None] = lambda text: None,
) -> T:
    """Poll until the probe returns anything but Waiting, and return that.

    `timeout` and `every` are seconds; `seen` is passed what each look saw. Raises TimedOut with what was seen last.
    """
    end = clock.now() + timeout
    while True:
        result = probe()
        if not isinstance(result, Waiting):
            return result
        seen(result.seen)
        left = end - clock.now()
        if left <= 0:
            raise TimedOut(what, timeout, result.seen)
        clock.sleep(min(jittered(every), left))
