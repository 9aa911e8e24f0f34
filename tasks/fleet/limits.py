"""The limits of error rate and latency during a rollout, looked at once a minute."""

from __future__ import annotations

from collections.abc import Sequence

from ..aws import metrics
from ..decisions.rollout.limits import Limits, exceeded, share
from ..runtime.run import Run

_EVERY = 60.0  # seconds: CloudWatch has a new minute no more often, and each question costs money


class Watch:
    """What the limits of the settings say about the target groups of a group."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._limits = limits_of(run)
        self._asked = float("-inf")
        self._found: tuple[str, ...] = ()

    def exceeded(self, target_groups: Sequence[str], now: float) -> tuple[str, ...]:
        """Return which limits are exceeded, by the latest answer; `now`: epoch seconds."""
        # Of a poll that is shorter than usual, as often.
        every = min(_EVERY, 12 * self._run.settings.rollout.poll)
        if self._limits.any and target_groups and not 0 <= now - self._asked < every:
            self._asked = now
            self._found = measure(self._run, target_groups, self._limits, now)
        return self._found


def limits_of(run: Run) -> Limits:
    """Return the limits of the settings."""
    return Limits(share(run.settings.rollout.max_error_rate), run.settings.rollout.max_latency)


def measure(run: Run, target_groups: Sequence[str], limits: Limits, now: float) -> tuple[str, ...]:
    """Ask CloudWatch, and return which limits are exceeded."""
    found = metrics.minutes(run.cloud, target_groups, now)
    return tuple(text for name, minutes in found.items() for text in exceeded(name, minutes, limits))
