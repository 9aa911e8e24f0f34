"""One clock, one sleeper, one poller with a deadline: every wait of every task goes through here."""

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from ..errors import TimedOut

T = TypeVar("T")


class Clock(Protocol):
    """What a wait needs of time, so that tests can run it virtually."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""


class SystemClock:
    """Real time."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        time.sleep(seconds)


def jittered(seconds: float) -> float:
    """Spread a polling interval by a tenth either way, so that many operators do not poll in step."""
    # Imported here, for it costs `--list` more than all of this module.
    import random

    return seconds * random.uniform(0.9, 1.1)


def wait_for(
    what: str,
    probe: Callable[[], tuple[T | None, str]],
    *,
    clock: Clock,
    deadline: float,
    every: float,
    seen: Callable[[str], None] = lambda text: None,
) -> T:
    """Poll until the probe returns something.

    `probe` returns (result or None, what it saw); `deadline` and `every` are seconds; `seen` is shown each sighting.
    Raises TimedOut, with what was seen last.
    """
    end = clock.now() + deadline
    while True:
        result, sight = probe()
        seen(sight)
        if result is not None:
            return result
        left = end - clock.now()
        if left <= 0:
            raise TimedOut(what, deadline, sight)
        clock.sleep(min(jittered(every), left))
