"""The clock of one stand-in cloud: AWS's seconds pass at their own scale, and can be skipped."""

import time
from datetime import UTC, datetime


class Timing:
    """The clock of one cloud."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._ahead = 0.0

    def now(self) -> float:
        """Return seconds since the epoch, plus what was skipped."""
        return time.time() + self._ahead

    def real(self, aws_seconds: float) -> float:
        """Turn a duration that AWS would take into real seconds."""
        return aws_seconds * self._scale

    def advance(self, aws_seconds: float) -> None:
        """Skip a duration: everything that waits is due that much sooner."""
        self._ahead += self.real(aws_seconds)

    def date(self, at: float | None = None) -> datetime:
        """Return a moment (default: now) as the API shows it."""
        return datetime.fromtimestamp(self.now() if at is None else at, UTC)

    def text(self, at: float | None = None) -> str:
        """Return a moment as it stands in the cause of a scaling activity."""
        return self.date(at).strftime("%Y-%m-%dT%H:%M:%SZ")
