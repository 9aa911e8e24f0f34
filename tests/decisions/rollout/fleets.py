"""Fleets in the middle of a run, instance by instance, and the policy and the record that go with them."""

from dataclasses import replace
from typing import Any

from tasks.decisions.rollout.decide import Goal, decide
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance, Policy, Record
from tasks.decisions.rollout.steps import Step

OURS = ("AZRebalance", "ScheduledActions")
RECORD = Record("r", "1", "2", surge=1, maximum=4, raised=5, started=100.0, size=2, desired=2, suspended=OURS)
POLICY = Policy(healthy_polls=2, instance_timeout=300)
NOW = 1000.0


def old(id: str = "i-1", zone: str = "a", **more: Any) -> FleetInstance:
    base = FleetInstance(id, zone, "InService", "1", targets=("healthy",), since=1.0, in_service_since=1.0, polls=9)
    return replace(base, **more)


def new(id: str = "i-9", zone: str = "c", **more: Any) -> FleetInstance:
    return old(id, zone, **{"version": "2", "since": 900.0, "in_service_since": 920.0, "protected": True} | more)


def booting(id: str = "i-9", since: float = 900.0, **more: Any) -> FleetInstance:
    return new(
        id,
        lifecycle="Pending",
        targets=("unused",),
        since=since,
        idle_since=since,
        in_service_since=None,
        polls=0,
        protected=False,
        **more,
    )


def surged(*members: FleetInstance, record: Record = RECORD, **more: Any) -> Fleet:
    base = Fleet("web", 1, 5, 3, "2", members, ("a", "b", "c"), frozenset(OURS), record)
    return replace(base, **more)


def step(fleet: Fleet, policy: Policy = POLICY, now: float = NOW) -> Step:
    return decide(fleet, policy, Goal("r", "1", "2"), now)
