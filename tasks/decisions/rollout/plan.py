"""The plan of a rollout: the same `decide`, applied to a fleet in which everything goes well."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from statistics import mode

from .decide import Goal, decide
from .effects import after
from .snapshot import Fleet, FleetInstance, Policy, units
from .steps import (
    Abort,
    Done,
    Empty,
    Forget,
    Lower,
    Point,
    Retire,
    Return,
    Step,
    Stop,
    Terminate,
    TurnBack,
    Wait,
)


def plan(fleet: Fleet, policy: Policy, goal: Goal) -> list[Step]:
    """Return the steps that a rollout would take if every instance came up at once and nothing interfered."""
    easy = replace(policy, healthy_polls=0, warm_up=0, revisions={}, until=math.inf, pause=0, pauses=(), together=False)
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
    serving = [replace(i, lifecycle="InService", health="Healthy", targets=(), in_service_since=0.0) for i in fleet.members]
    weight, launches = mode(i.weight for i in serving) if serving else fleet.heaviest, fleet.launches
    for _ in range(math.ceil((fleet.desired - units(serving)) / weight)):
        launches += 1
        zone = _emptiest(fleet, serving)
        serving.append(FleetInstance(f"new-{launches}", zone, "InService", fleet.version, weight=weight, in_service_since=0.0))
    aside = (replace(i, lifecycle="Standby") for i in fleet.instances if i.aside)
    return replace(fleet, instances=(*serving, *aside), launches=launches, failures=())


def _emptiest(fleet: Fleet, members: list[FleetInstance]) -> str:
    held = Counter(i.zone for i in members)
    return min(fleet.zones, key=lambda zone: (held[zone], zone), default="")


def _after(fleet: Fleet, step: Step) -> Fleet:
    match step:
        case TurnBack(record) | Abort(record):
            # The plan counts launches from here.
            return replace(fleet, record=record, launches=0, vanished=False)
        case Point(version, desired, maximum):
            return replace(fleet, version=version, desired=desired, maximum=maximum)
        case Terminate(ids) | Retire(ids):
            return _without(fleet, ids)
        case Return(ids, record):
            return replace(_without(fleet, ids), record=record, desired=fleet.desired - len(ids))
        case Lower(record, desired, maximum):
            return replace(fleet, record=record, desired=desired, maximum=maximum)
        case Empty(ids):
            return replace(fleet, pool=tuple(i for i in fleet.pool if i.id not in ids))
    return after(fleet, step) or fleet


def _without(fleet: Fleet, ids: tuple[str, ...]) -> Fleet:
    return replace(fleet, instances=tuple(i for i in fleet.instances if i.id not in ids))
