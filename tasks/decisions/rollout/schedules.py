"""Scheduled actions of a group that fall into a rollout: ScheduledActions is suspended then, and AWS does not catch up.

An action sets sizes outright: during a rollout it would take the surge for the group's own. What was missed is carried out when
the rollout has ended, as far as it is still meant: a size that somebody else has changed meanwhile stays.
"""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .recurrences import is_read

TAG = "ramped:scheduled"
_LONGEST = 256  # characters of a tag's value
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

    @property
    def sets(self) -> dict[str, int]:
        """Return the sizes that it sets, by name."""
        sizes = {"min": self.minimum, "desired": self.desired, "max": self.maximum}
        return {name: size for name, size in sizes.items() if size is not None}

    @property
    def recurs(self) -> bool:
        """Return whether its further times are known, from its expression."""
        return bool(self.cron) and is_read(self.cron, self.zone)

    def __str__(self) -> str:
        words = ", ".join(f"{name} {size}" for name, size in self.sets.items())
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
    until: float = 0.0  # epoch seconds: what recurs is noted up to then; 0 where that is not known

    @property
    def known(self) -> float:
        """Return the epoch seconds up to which what recurs is noted."""
        return self.until or max((action.at for action in self.actions), default=math.inf)

    def due(self, now: float) -> list[ScheduledAction]:
        """Return the actions whose time has come, in order."""
        return between(self.actions, -math.inf, now)

    def with_actions(self, more: Sequence[ScheduledAction]) -> Noted:
        """Return a copy with more actions; of the same time, those with a name replace those of a tag."""
        found = {(int(action.at), *action.sizes): action for action in (*self.actions, *more)}
        return replace(self, actions=tuple(sorted(found.values(), key=lambda action: int(action.at))))

    def lasting(self, now: float) -> Noted:
        """Return a copy without the actions that were due and all of whose sizes a later one has set since."""
        found: list[ScheduledAction] = []
        later: set[str] = set()
        for action in reversed(self.due(now)):
            if action.sets.keys() - later:
                found.insert(0, action)
            later |= action.sets.keys()
        return replace(self, actions=(*found, *(action for action in self.actions if action.at > now)))


def between(actions: Sequence[ScheduledAction], begin: float, end: float) -> list[ScheduledAction]:
    """Return the actions that are due between two times, in order."""
    return sorted((action for action in actions if begin <= action.at <= end), key=lambda action: action.at)


def to_tag(noted: Noted) -> str:
    """Return the value of the tag, without the names.

    Where there is not room for all, what recurs is left out from some time on, which the tag says: AWS still lists it.
    """
    kept, left = _fitting(noted)
    until = min([noted.until, *(action.at for action in left if action.recurs)])
    return " ".join([_head(noted.before, until), *map(_word, sorted(kept, key=lambda action: action.at))])


def not_in_tag(noted: Noted) -> list[ScheduledAction]:
    """Return the actions that another run cannot find again: AWS does not list them when their time has passed."""
    return [action for action in _fitting(noted)[1] if not action.recurs]


def _fitting(noted: Noted) -> tuple[list[ScheduledAction], list[ScheduledAction]]:
    """Return the actions for which a tag has room, and the others: what is due once comes first."""
    kept: list[ScheduledAction] = []
    left: list[ScheduledAction] = []
    room, until = _LONGEST - len(_head(noted.before, noted.until)), math.inf
    for action in sorted(noted.actions, key=lambda action: (action.recurs, action.at)):
        if (needs := len(_word(action)) + 1) > room or action.at >= until:
            left.append(action)
            until = min(until, action.at) if action.recurs else until
        else:
            kept.append(action)
            room -= needs
    return kept, left


def _head(before: Sizes, until: float) -> str:
    return f"{before.minimum}:{before.maximum}:{before.desired}:{int(until)}"


def _word(action: ScheduledAction) -> str:
    return ":".join([str(int(action.at)), *(_NOTHING if size is None else str(size) for size in action.sizes)])


def from_tag(value: str) -> Noted | None:
    """Return what a tag holds, or None where there is none, or where it was edited by hand."""
    try:
        first, *rest = value.split()
        minimum, maximum, desired, *until = map(int, first.split(":"))
        actions = tuple(
            ScheduledAction("", float(at), _size(low), _size(high), _size(wanted))
            for at, low, high, wanted in (word.split(":") for word in rest)
        )
        return Noted(Sizes(minimum, maximum, desired), actions, float(*until))
    except (ValueError, TypeError):
        return None


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
    return f"scheduled action {action} was due during the rollout and was not carried out. To do it now: {_update(group, action)}"


def not_noted(group: str, action: ScheduledAction) -> str:
    """Return what to do about an action for which the tag has no room."""
    return (
        f"{group}: the tag {TAG} has no room for scheduled action {action}: if another run ends this rollout later, it is not"
        f" carried out. To do it then: {_update(group, action)}"
    )


def _update(group: str, action: ScheduledAction) -> str:
    sizes = {"--min-size": action.minimum, "--max-size": action.maximum, "--desired-capacity": action.desired}
    words = [word for option, size in sizes.items() if size is not None for word in (option, str(size))]
    return shlex.join(["aws", "autoscaling", "update-auto-scaling-group", "--auto-scaling-group-name", group, *words])
