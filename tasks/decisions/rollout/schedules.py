"""Scheduled actions of a group that fall into a rollout: ScheduledActions is suspended then, and AWS does not catch up."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ScheduledAction:
    """The next time of a scheduled action, in epoch seconds, and the sizes that it sets."""

    name: str
    at: float
    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None

    def __str__(self) -> str:
        sizes = {"min": self.minimum, "desired": self.desired, "max": self.maximum}
        words = ", ".join(f"{name} {size}" for name, size in sizes.items() if size is not None)
        return f"{self.name} at {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(self.at))} ({words or 'sets nothing'})"


def between(actions: Sequence[ScheduledAction], begin: float, end: float) -> list[ScheduledAction]:
    """Return the actions that are due between two times, in order."""
    return sorted((action for action in actions if begin <= action.at <= end), key=lambda action: action.at)


def ahead(actions: Sequence[ScheduledAction], now: float, timeout: float) -> list[str]:
    """Return a warning for each action that may fall into a rollout of `timeout` seconds."""
    return [
        f"scheduled action {action} may fall into the rollout, is not carried out then, and is printed as a command at its end"
        for action in between(actions, now, now + timeout)
    ]


def missed(group: str, action: ScheduledAction) -> str:
    """Return what to do about an action that was due while ScheduledActions was suspended."""
    sizes = {"--min-size": action.minimum, "--max-size": action.maximum, "--desired-capacity": action.desired}
    words = [word for option, size in sizes.items() if size is not None for word in (option, str(size))]
    command = shlex.join(["aws", "autoscaling", "update-auto-scaling-group", "--auto-scaling-group-name", group, *words])
    return f"scheduled action {action} was due during the rollout and was not carried out. To do it now: {command}"
