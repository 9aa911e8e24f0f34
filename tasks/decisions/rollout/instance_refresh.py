"""A rollout that EC2 Auto Scaling makes by itself: what an instance refresh is asked for, and what follows from how it is.

The rules come from "Use an instance refresh to update instances in an Auto Scaling group" (EC2 Auto Scaling user guide).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .decide import Goal, at_rest
from .snapshot import Fleet, Policy, Record
from .steps import Done, Hold, Step, Stop, Wait
from .view import View, waiting

UNDER_WAY = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
_GOING = ("Pending", "InProgress", "Baking")
_LONGEST = 172800  # seconds, of BakeTime and CheckpointDelay
_MOST_ALARMS = 10


@dataclass(frozen=True)
class Refresh:
    """An instance refresh, as DescribeInstanceRefreshes shows it; `version` is the one that it goes to."""

    id: str
    status: str
    template: str
    version: str
    started: float
    reason: str = ""
    percentage: int = 0

    @property
    def under_way(self) -> bool:
        """Return whether it has not ended."""
        return self.status in UNDER_WAY


@dataclass(frozen=True)
class Pin(Step):
    """Let the group name a numbered version: to another one a refresh does not go back."""

    version: str

    def __str__(self) -> str:
        return f"name version {self.version} in the group, so that there is a way back and no newer version is launched unproven"


@dataclass(frozen=True)
class Start(Step):
    """Start an instance refresh."""

    version: str
    preferences: Mapping[str, Any]

    def __str__(self) -> str:
        bounds = f"{self.preferences['MinHealthyPercentage']} to {self.preferences['MaxHealthyPercentage']} %"
        return f"start an instance refresh to version {self.version}, {bounds} in service"


@dataclass(frozen=True)
class GoBack(Step):
    """Roll the refresh under way back."""

    why: str

    def __str__(self) -> str:
        return f"roll the instance refresh back: {self.why}"


@dataclass(frozen=True)
class Cancel(Step):
    """Have the refresh under way end where it is."""

    def __str__(self) -> str:
        return "cancel the instance refresh: the instances stay"


@dataclass(frozen=True)
class Returned(Step):
    """It was rolled back, to the end."""

    why: str

    def __str__(self) -> str:
        return f"the instance refresh was rolled back: {self.why}"


def preferences(fleet: Fleet, policy: Policy, alarms: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a refresh is to keep to, so that it goes as a rollout of ours does: launch first, skip what is there."""
    size = max(1, fleet.desired)
    shares = [*(math.ceil(100 * number / size) for number in policy.pauses), 100]
    asked: dict[str, Any] = {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": min(200, max(110, 100 + math.ceil(100 * policy.surge / size))),
        "InstanceWarmup": int(policy.warm_up),
        "SkipMatching": True,
        "AutoRollback": policy.rollback,
        # As in a rollout of ours: an old instance is protected from scaling in, not from being replaced.
        "ScaleInProtectedInstances": "Refresh",
    }
    if policy.pauses:
        asked |= {"CheckpointPercentages": sorted(set(shares)), "CheckpointDelay": int(policy.pause)}
    if policy.pause:
        asked["BakeTime"] = int(policy.pause)
    if alarms:
        asked["AlarmSpecification"] = {"Alarms": list(alarms)}
    return asked


def unfit(policy: Policy, alarms: Sequence[str], suspended: frozenset[str]) -> Iterator[str]:
    """Yield what an instance refresh cannot do of what is asked."""
    if policy.pauses and not policy.pause:
        yield "an instance refresh cannot wait for an operator (rollout.canary, rollout.checkpoints): set rollout.pause"
    if policy.pause > _LONGEST:
        yield f"rollout.pause is {policy.pause:.0f} s; an instance refresh waits {_LONGEST} at most"
    if len(alarms) > _MOST_ALARMS:
        yield f"rollout.alarms names {len(alarms)} alarms; an instance refresh takes {_MOST_ALARMS}"
    if "InstanceRefresh" in suspended:
        yield "InstanceRefresh is suspended: resume it first"


def foreseen(fleet: Fleet, refresh: Refresh | None, policy: Policy, goal: Goal, alarms: Sequence[str]) -> list[Step]:
    """Return the steps of ours; what happens between them is up to AWS."""
    asked = replace(policy, stop=policy.turn_back or policy.stop, until=float("inf"))
    first = follow(fleet, refresh, asked, goal, alarms, 0.0)
    if not isinstance(first, Pin):
        return [first]
    pinned = replace(fleet, version=goal.source)
    return [first, follow(pinned, None, asked, goal, alarms, 0.0)]


def follow(fleet: Fleet, refresh: Refresh | None, policy: Policy, goal: Goal, alarms: Sequence[str], now: float) -> Step:
    """Return what follows for a group from the refresh that is to take it to the goal; None: there is none yet."""
    if policy.abort:
        return _abort(fleet, refresh)
    if refresh is None:
        if not fleet.version.isdecimal():
            return Pin(goal.source)
        return Start(goal.target, preferences(fleet, policy, alarms))
    view = view_of(fleet, refresh, policy, goal, now)
    done = f"instance refresh {refresh.id}: {refresh.status}"
    late = now > policy.until
    if refresh.status == "RollbackSuccessful":
        return Returned(refresh.reason)
    if refresh.status == "Successful":
        return _successful(view, done)
    if not refresh.under_way:
        return Stop(f"{done}: {refresh.reason.rstrip('.')}; {waiting(view)}")
    if late:
        return Stop(f"not finished in time, and it goes on by itself: {done}; {waiting(view)}")
    trouble = (policy.stop or view.trouble()) if refresh.status in _GOING else None
    if trouble and policy.rollback:
        return GoBack(trouble)
    if trouble:
        return Stop(f"{trouble}. It goes on by itself: `abort` cancels it")
    return Wait(f"{done}, {refresh.percentage} %; {waiting(view)}")


def _abort(fleet: Fleet, refresh: Refresh | None) -> Step:
    if refresh is None or not refresh.under_way:
        return Done(at_rest(fleet))
    if refresh.status == "Cancelling":
        return Wait(f"instance refresh {refresh.id}: {refresh.status}")
    return Cancel()


def _successful(view: View, done: str) -> Step:
    if view.policy.stop:
        # A refresh that has ended cannot be rolled back: another one goes the same way back.
        return Start(view.record.source, preferences(view.fleet, replace(view.policy, pauses=(), pause=0)))
    if view.missing or view.old:
        late = view.now > view.policy.until
        return Stop(f"{done}, but {waiting(view)}") if late else Wait(f"{done}; {waiting(view)}")
    if view.policy.hold:
        return Hold(f"{view.fleet.group} is ready and waits for the other groups")
    return Done(f"every instance of {view.fleet.group} runs version {view.record.target}")


def view_of(fleet: Fleet, refresh: Refresh, policy: Policy, goal: Goal, now: float) -> View:
    """Return the fleet as a rollout of ours would see it: what is new and old, and what is wrong with it."""
    record = Record(
        run=refresh.id,
        source=goal.source,
        target=goal.target,
        surge=0,
        maximum=fleet.maximum,
        raised=fleet.maximum,
        started=refresh.started,
        size=len(fleet.members),
        desired=fleet.desired,
    )
    # Of its alarms, its pauses and its haste AWS takes care; capacity in between is bounded by what it was asked.
    return View(replace(fleet, record=record, alarms=()), replace(policy, pause=0, together=False), record, now)
