"""Clock, sleep and polling with a timeout, for every wait of every task."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..errors import TimedOut

T = TypeVar("T")


# Linux's CLOCK_MONOTONIC stops while the machine sleeps, macOS's does not.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """The clock of a wait; tests replace it by a virtual clock."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""

    def elapsed(self) -> float:
        """Return the time in seconds on a monotonic clock."""

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""


class SystemClock:
    """Real time."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def elapsed(self) -> float:
        """Return the time in seconds on a monotonic clock that includes the machine's sleep."""
        return time.clock_gettime(_STEADY)

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Waiting:
    """The state that a probe saw while it has no result yet."""

    seen: str


def jittered(seconds: float) -> float:
    """Spread a polling interval by a tenth either way, so that many operators do not poll in step."""
    # Imported here: it costs `--list` more than the rest of this module.
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

    `timeout` and `every` are seconds; `seen` gets the state of each poll. Raises TimedOut with the last state.
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
