"""Which scheduled actions may fall into a rollout, and which were due since they were last noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .recurrences import times
from .schedules import ScheduledAction, between

_DAY = 86400.0
_LONGEST_PAUSE = 7 * _DAY  # seconds for which a rollout may wait for somebody
# Days in which the next time is looked for: few first, for each minute of years would be many times. In the last whatever recurs
# is due, on 29 February too.
_AHEAD = (1, 31, 8 * 366)


def horizon(timeout: float, *, waits: bool) -> float:
    """Return the seconds within which an action may fall into a rollout; `waits`: whether it pauses until somebody goes on."""
    return max(timeout, _LONGEST_PAUSE) if waits else timeout


def upcoming(actions: Sequence[ScheduledAction], begin: float, end: float) -> list[ScheduledAction]:
    """Return the actions that are due between two times, in order, each as often as it recurs.

    The next time is AWS's word, which may be some seconds old. An action whose expression or time zone is not understood here is
    due then alone.
    """
    found = list(actions)
    for action in actions:
        if action.recurs:
            later = times(action.cron, action.zone, action.at, min(end, action.until))
            found += [replace(action, at=at) for at in later]
    return between(found, begin, end)


def since(actions: Sequence[ScheduledAction], begin: float, now: float) -> list[ScheduledAction]:
    """Return what recurs as often as it was due from `begin` until now, in order; AWS lists the time after that alone."""
    found: list[ScheduledAction] = []
    for action in actions:
        if begin <= now and action.recurs and _has_begun(action, now):
            # Exclusive, and times of cron are whole minutes.
            due = times(action.cron, action.zone, begin - 1, min(now, action.until))
            found += [replace(action, at=at) for at in due]
    return sorted(found, key=lambda action: action.at)


def _has_begun(action: ScheduledAction, now: float) -> bool:
    """Return whether AWS's next time follows now by the expression: else it is the time at which the action begins to recur."""
    for days in _AHEAD:
        if following := times(action.cron, action.zone, now, min(action.at, now + days * _DAY)):
            return following[0] == action.at
    return action.at <= now


def telling(actions: Sequence[ScheduledAction]) -> list[ScheduledAction]:
    """Return the actions, in order, without those that set no other sizes than all before them: a tag has little room."""
    found: list[ScheduledAction] = []
    before: dict[str, int] = {}
    for action in actions:
        after = before | action.sets
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
    often = Counter(action.name for action in due)
    first = {action.name: action for action in reversed(due)}
    return [
        f"scheduled action {action}{_again(action, often)} may fall into {rest}"
        for action in sorted(first.values(), key=lambda action: action.at)
    ]


def _again(action: ScheduledAction, often: Mapping[str, int]) -> str:
    if action.cron and not action.recurs:
        return f", of which no further time is known since {action.cron!r} ({action.zone}) is not understood,"
    more = often[action.name] - 1
    return f", and {more} time{'s' if more > 1 else ''} more by {action.cron!r} ({action.zone})," if more else ""
