"""A clock of a process that can jump."""

from tasks.runtime.waiting import SystemClock


class Hurried(SystemClock):
    """A clock that can jump."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def elapsed(self) -> float:
        return super().elapsed() + self.ahead
