"""Scheduled actions of a group that fall into a rollout: ScheduledActions is suspended then, and AWS does not catch up.

An action sets sizes outright: during a rollout it would take the surge for the group's own. What was missed is carried out when
the rollout has ended, as far as it is still meant: a size that somebody else has changed meanwhile stays.
"""

from __future__ import annotations

import math
import shlex
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from .recurrences import times

TAG = "ramped:scheduled"
_LONGEST = 256  # characters of a tag's value
_LONGEST_PAUSE = 7 * 86400.0  # seconds for which a rollout may wait for somebody
_NOTHING = "-"


@dataclass(frozen=True)
class ScheduledAction:
    """The next time of a scheduled action, in epoch seconds, and the sizes that it sets."""

    name: str
    at: float
    minimum: int | None = None
    maximum: int | None = None
    desired: int | None = None
    cron: str = ""  # when it recurs
    zone: str = "UTC"  # whose clock that is
    until: float = math.inf  # no later than that

    @property
    def sizes(self) -> tuple[int | None, int | None, int | None]:
        """Return min, max and desired, None for each that it leaves."""
        return self.minimum, self.maximum, self.desired

    def __str__(self) -> str:
        sizes = {"min": self.minimum, "desired": self.desired, "max": self.maximum}
        words = ", ".join(f"{name} {size}" for name, size in sizes.items() if size is not None)
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.at))
        return f"{f'{self.name} ' if self.name else ''}at {when} ({words or 'sets nothing'})"


@dataclass(frozen=True)
class Sizes:
    """The sizes of a group, without the surge of a rollout."""

    minimum: int
    maximum: int
    desired: int

    def __str__(self) -> str:
        return f"min {self.minimum}, desired {self.desired}, max {self.maximum}"


@dataclass(frozen=True)
class Noted:
    """What is noted in a tag when a rollout begins: the group's sizes, and the actions that may fall into it."""

    before: Sizes
    actions: tuple[ScheduledAction, ...]

    def due(self, now: float) -> list[ScheduledAction]:
        """Return the actions whose time has come, in order."""
        return between(self.actions, 0.0, now)

    def with_actions(self, more: Sequence[ScheduledAction]) -> Noted:
        """Return a copy with more actions; of the same time, those with a name replace those of a tag."""
        found = {(int(action.at), *action.sizes): action for action in (*self.actions, *more)}
        return replace(self, actions=tuple(sorted(found.values(), key=lambda action: int(action.at))))


def between(actions: Sequence[ScheduledAction], begin: float, end: float) -> list[ScheduledAction]:
    """Return the actions that are due between two times, in order."""
    return sorted((action for action in actions if begin <= action.at <= end), key=lambda action: action.at)


def horizon(timeout: float, *, waits: bool) -> float:
    """Return the seconds within which an action may fall into a rollout; `waits`: whether it pauses until somebody goes on."""
    return max(timeout, _LONGEST_PAUSE) if waits else timeout


def upcoming(actions: Sequence[ScheduledAction], begin: float, end: float) -> list[ScheduledAction]:
    """Return the actions that are due between two times, in order, each as often as it recurs.

    The next time is AWS's word. An action whose expression or time zone is not understood here is due then alone.
    """
    found: list[ScheduledAction] = []
    for action in between(actions, begin, end):
        found.append(action)
        if action.cron:
            with suppress(ValueError):
                later = times(action.cron, action.zone, action.at, min(end, action.until))
                found += [replace(action, at=at) for at in later]
    return between(found, begin, end)


def telling(actions: Sequence[ScheduledAction]) -> list[ScheduledAction]:
    """Return the actions, in order, without those that set no other sizes than all before them: a tag has little room."""
    found: list[ScheduledAction] = []
    before: list[int | None] = [None, None, None]
    for action in actions:
        after = [there if new is None else new for new, there in zip(action.sizes, before, strict=True)]
        if after != before or not found:
            found.append(action)
        before = after
    return found


def ahead(actions: Sequence[ScheduledAction], now: float, seconds: float, *, refresh: bool = False) -> list[str]:
    """Return a warning for each action that may fall into a rollout within `seconds`; `refresh`: an instance refresh."""
    rest = (
        "the instance refresh, which does not suspend it: the group changes its sizes then"
        if refresh
        else "the rollout: then it is carried out when that has ended"
    )
    due = upcoming(actions, now, now + seconds)
    often = Counter((action.name, action.cron) for action in due)
    return [
        f"scheduled action {action}{_again(action, often)} may fall into {rest}"
        for action in between(actions, now, now + seconds)
    ]


def _again(action: ScheduledAction, often: Mapping[tuple[str, str], int]) -> str:
    more = often[action.name, action.cron] - 1
    return f", and {more} time{'s' if more > 1 else ''} more by {action.cron!r} ({action.zone})," if more else ""


def to_tag(noted: Noted) -> str:
    """Return the value of the tag, without the names; the latest actions are left out where it would be too long."""
    before = noted.before
    words = [f"{before.minimum}:{before.maximum}:{before.desired}"]
    for action in noted.actions:
        word = ":".join([str(int(action.at)), *(_NOTHING if size is None else str(size) for size in action.sizes)])
        if len(" ".join([*words, word])) <= _LONGEST:
            words.append(word)
    return " ".join(words)


def from_tag(value: str) -> Noted | None:
    """Return what a tag holds, or None where there is none, or where it was edited by hand."""
    try:
        first, *rest = value.split()
        before = Sizes(*map(int, first.split(":")))
        actions = tuple(
            ScheduledAction("", float(at), _size(low), _size(high), _size(wanted))
            for at, low, high, wanted in (word.split(":") for word in rest)
        )
    except (ValueError, TypeError):
        return None
    return Noted(before, actions)


def _size(word: str) -> int | None:
    return None if word == _NOTHING else int(word)


def still_meant(noted: Noted, now: Sizes, due: Sequence[ScheduledAction]) -> tuple[Sizes, list[str]]:
    """Return the sizes that a group should have after what was missed, and what is not done since others changed it.

    `now`: its sizes after the rollout; `due`: the actions in order, of which the last word counts.
    """
    left: list[str] = []

    def size(name: str, before: int, here: int, wanted: int | None, *, grows: bool = False) -> int:
        if wanted is None or wanted == here or here == before or (grows and wanted > here):
            return here if wanted is None else wanted
        left.append(f"{name} stays {here}, not {wanted}: it was {before} when the rollout began, and others have changed it")
        return here

    def last(name: str) -> int | None:
        return next((value for action in reversed(due) if (value := getattr(action, name)) is not None), None)

    before = noted.before
    minimum = size("min", before.minimum, now.minimum, last("minimum"))
    maximum = max(minimum, size("max", before.maximum, now.maximum, last("maximum")))
    # Policies change desired all the time: more is what a scale-up means, whatever they have made of it.
    desired = size("desired", before.desired, now.desired, last("desired"), grows=True)
    return Sizes(minimum, maximum, min(max(desired, minimum), maximum)), left


def missed(group: str, action: ScheduledAction) -> str:
    """Return what to do about an action that was not carried out."""
    sizes = {"--min-size": action.minimum, "--max-size": action.maximum, "--desired-capacity": action.desired}
    words = [word for option, size in sizes.items() if size is not None for word in (option, str(size))]
    command = shlex.join(["aws", "autoscaling", "update-auto-scaling-group", "--auto-scaling-group-name", group, *words])
    return f"scheduled action {action} was due during the rollout and was not carried out. To do it now: {command}"
