"""A rollout by an instance refresh of EC2 Auto Scaling: its preferences, and the next step from its status.

The rules come from "Use an instance refresh to update instances in an Auto Scaling group" (EC2 Auto Scaling user guide).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .decide import Goal, at_rest, reached
from .snapshot import Fleet, Policy, Record
from .steps import Done, Hold, Step, Stop, Wait
from .view import View, waiting

UNDER_WAY = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
_GOING = ("Pending", "InProgress", "Baking")
_LONGEST = 172800  # seconds, of BakeTime and CheckpointDelay
_MOST_ALARMS = 10


@dataclass(frozen=True)
class Refresh:
    """An instance refresh, as DescribeInstanceRefreshes shows it; `version` is its target."""

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
    """Let the group name a numbered version: a refresh does not roll back to $Latest or $Default."""

    version: str

    def __str__(self) -> str:
        return f"name version {self.version} in the group, so that it can roll back and launches no unproven version"


@dataclass(frozen=True)
class Start(Step):
    """Start an instance refresh; `why`: the reason of one that goes back."""

    version: str
    preferences: Mapping[str, Any]
    why: str = ""

    def __str__(self) -> str:
        bounds = f"{self.preferences['MinHealthyPercentage']} to {self.preferences['MaxHealthyPercentage']} %"
        return f"start an instance refresh to version {self.version}, {bounds} in service{f': {self.why}' if self.why else ''}"


@dataclass(frozen=True)
class GoBack(Step):
    """Roll the refresh under way back."""

    why: str

    def __str__(self) -> str:
        return f"roll the instance refresh back: {self.why}"


@dataclass(frozen=True)
class Cancel(Step):
    """Cancel the refresh under way; instances stay as they are."""

    def __str__(self) -> str:
        return "cancel the instance refresh: the instances stay"


@dataclass(frozen=True)
class Returned(Step):
    """The rollback of the refresh is complete."""

    why: str

    def __str__(self) -> str:
        return f"the instance refresh was rolled back: {self.why}"


def preferences(fleet: Fleet, policy: Policy, alarms: Sequence[str] = ()) -> dict[str, Any]:
    """Return the preferences with which a refresh works as a rollout of ours: launch first, skip matching."""
    size = max(1, fleet.desired)
    shares = [*(math.ceil(100 * number / size) for number in policy.pauses), 100]
    asked: dict[str, Any] = {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": min(200, max(110, 100 + math.ceil(100 * policy.surge / size))),
        "SkipMatching": True,
        "AutoRollback": policy.rollback,
        # As in a rollout of ours: an old instance is protected from scaling in, not from being replaced.
        "ScaleInProtectedInstances": "Refresh",
    }
    standby = {"ignore": "Ignore", "replace": "Terminate"}.get(policy.standby)
    if standby and any(i.aside for i in fleet.instances):
        # Else AWS waits an hour for them, and fails.
        asked["StandbyInstances"] = standby
    if policy.warm_up:
        # Else the group's own warm-up counts: any number here overrides it, 0 too.
        asked["InstanceWarmup"] = int(policy.warm_up)
    if policy.pauses:
        asked |= {"CheckpointPercentages": sorted(set(shares)), "CheckpointDelay": int(policy.pause)}
    if policy.pause:
        asked["BakeTime"] = int(policy.pause)
    if alarms:
        asked["AlarmSpecification"] = {"Alarms": list(alarms)}
    return asked


def unfit(policy: Policy, alarms: Sequence[str], suspended: frozenset[str]) -> Iterator[str]:
    """Yield each requested option that an instance refresh does not support."""
    if policy.pauses and not policy.pause:
        yield "an instance refresh cannot wait for an operator (rollout.canary, rollout.checkpoints): set rollout.pause"
    if policy.pause > _LONGEST:
        yield f"rollout.pause is {policy.pause:.0f} s; an instance refresh waits {_LONGEST} at most"
    if len(alarms) > _MOST_ALARMS:
        yield f"rollout.alarms names {len(alarms)} alarms; an instance refresh takes {_MOST_ALARMS}"
    if "InstanceRefresh" in suspended:
        yield "InstanceRefresh is suspended: resume it first"


def foreseen(fleet: Fleet, refresh: Refresh | None, policy: Policy, goal: Goal, alarms: Sequence[str]) -> list[Step]:
    """Return our steps; AWS does what happens between them."""
    asked = replace(policy, stop=policy.turn_back or policy.stop, until=math.inf)
    first = follow(fleet, refresh, asked, goal, alarms, 0.0)
    if not isinstance(first, Pin):
        return [first]
    pinned = replace(fleet, version=goal.source)
    return [first, follow(pinned, None, asked, goal, alarms, 0.0)]


def follow(fleet: Fleet, refresh: Refresh | None, policy: Policy, goal: Goal, alarms: Sequence[str], now: float) -> Step:
    """Return the next step for a group; `refresh`: the one that takes it to the goal, None before it begins."""
    if policy.abort:
        return _abort(fleet, refresh)
    if refresh is None:
        if reached(fleet, policy, goal.target) and all(i.ready for i in fleet.members):
            # It may have ended before a process that was killed, or this one, saw it.
            return Done(_everywhere(fleet, goal.target))
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
        return Stop(f"{done}: {refresh.reason.removesuffix('.')}; {waiting(view)}")
    if late:
        return Stop(f"not finished in time; AWS continues the refresh: {done}; {waiting(view)}")
    trouble = (policy.stop or view.trouble()) if refresh.status in _GOING else None
    if trouble and policy.rollback:
        return GoBack(trouble)
    if trouble:
        return Stop(f"{trouble}. AWS continues the refresh: `abort` cancels it")
    return Wait(f"{done}, {refresh.percentage} %; {waiting(view)}")


def _abort(fleet: Fleet, refresh: Refresh | None) -> Step:
    if refresh is None or not refresh.under_way:
        return Done(at_rest(fleet))
    if refresh.status == "Cancelling":
        return Wait(f"instance refresh {refresh.id}: {refresh.status}")
    return Cancel()


def _successful(view: View, done: str) -> Step:
    trouble = view.policy.stop or view.trouble()
    if trouble and (view.policy.stop or view.policy.rollback):
        # A refresh that has ended cannot be rolled back: a new refresh goes back to the old version.
        return Start(view.record.source, preferences(view.fleet, replace(view.policy, pauses=())), trouble)
    if trouble:
        return Stop(f"{done}, but {trouble}")
    if view.missing or view.old:
        late = view.now > view.policy.until
        return Stop(f"{done}, but {waiting(view)}") if late else Wait(f"{done}; {waiting(view)}")
    if view.policy.hold:
        return Hold(f"{view.fleet.group} is ready and waits for the other groups")
    return Done(_everywhere(view.fleet, view.record.target))


def _everywhere(fleet: Fleet, version: str) -> str:
    return f"every instance of {fleet.group} runs version {version}"


def view_of(fleet: Fleet, refresh: Refresh, policy: Policy, goal: Goal, now: float) -> View:
    """Return the fleet as a rollout of ours sees it: new and old instances, and what is wrong."""
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
    # AWS handles alarms, pauses and pace; the preferences bound the capacity.
    return View(replace(fleet, alarms=()), replace(policy, pause=0, together=False), record, now)
