"""The plan of a rollout: the same `decide`, applied to a fleet in which everything goes well."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from .decide import Goal, decide
from .snapshot import Fleet, FleetInstance, Policy, units
from .steps import (
    Abort,
    Begin,
    Done,
    Empty,
    Forget,
    Lower,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Retire,
    Return,
    Rewrite,
    Step,
    Stop,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)


def plan(fleet: Fleet, policy: Policy, goal: Goal) -> list[Step]:
    """Return the steps that a rollout would take if every instance came up at once and nothing interfered."""
    easy = replace(policy, healthy_polls=1, warm_up=0, revisions={}, until=math.inf, pause=0, pauses=(), together=False)
    steps: list[Step] = []
    # Each instance costs at most a launch, a protection, a kill and a wait or two.
    for _ in range(20 + 8 * (len(fleet.instances) + fleet.desired)):
        fleet = _settle(fleet)
        step = decide(fleet, easy, goal, 0.0)
        if not isinstance(step, Wait):
            steps.append(step)
        if isinstance(step, Done | Stop) or (isinstance(step, Forget) and _returned(fleet)):
            break
        fleet = _after(fleet, step)
    return steps


def _returned(fleet: Fleet) -> bool:
    return fleet.record is not None and fleet.record.back and not fleet.record.aborted


def _settle(fleet: Fleet) -> Fleet:
    """Remove draining instances, and let launched instances serve."""
    stay = list(fleet.members)
    weight = Counter(i.weight for i in stay).most_common(1)[0][0] if stay else fleet.heaviest
    for number in range(math.ceil((fleet.desired - units(stay)) / weight)):
        name = f"new-{fleet.launches + number + 1}"
        stay.append(FleetInstance(name, _emptiest(fleet, stay), "InService", fleet.version, weight=weight))
    launches = fleet.launches + len(stay) - len(fleet.members)
    serving = tuple(replace(i, lifecycle="InService", targets=(), polls=1, in_service_since=0.0, idle_since=None) for i in stay)
    aside = tuple(replace(i, lifecycle="Standby") for i in fleet.instances if i.aside)
    return replace(fleet, instances=serving + aside, launches=launches, failures=(), short_since=None)


def _emptiest(fleet: Fleet, members: list[FleetInstance]) -> str:
    zones = fleet.zones or tuple({i.zone for i in members}) or ("",)
    return min(zones, key=lambda zone: (sum(1 for i in members if i.zone == zone), zone))


def _after(fleet: Fleet, step: Step) -> Fleet:
    match step:
        case Begin(record) | TurnBack(record) | Abort(record):
            # The plan counts launches from here.
            return replace(fleet, record=record, launches=0, vanished=False)
        case Rewrite():
            return replace(fleet, vanished=False)
        case Suspend(processes):
            return replace(fleet, suspended=fleet.suspended | set(processes))
        case Resume(processes):
            return replace(fleet, suspended=fleet.suspended - set(processes))
        case Point(version, desired, maximum):
            return replace(fleet, version=version, desired=desired, maximum=maximum)
        case Protect(ids) | Unprotect(ids):
            on = isinstance(step, Protect)
            return replace(fleet, instances=tuple(replace(i, protected=on) if i.id in ids else i for i in fleet.instances))
        case Terminate(ids) | Retire(ids):
            return _without(fleet, ids)
        case Return(ids, record):
            return replace(_without(fleet, ids), record=record, desired=fleet.desired - len(ids))
        case Lower(record, desired, maximum):
            return replace(fleet, record=record, desired=desired, maximum=maximum)
        case Empty(ids):
            return replace(fleet, pool=tuple(i for i in fleet.pool if i.id not in ids))
        case RestoreMax(maximum):
            return replace(fleet, maximum=maximum)
        case Forget():
            return replace(fleet, record=None)
    return fleet


def _without(fleet: Fleet, ids: tuple[str, ...]) -> Fleet:
    return replace(fleet, instances=tuple(i for i in fleet.instances if i.id not in ids))
