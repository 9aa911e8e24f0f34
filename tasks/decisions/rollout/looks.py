"""What the next poll reads: all, or less where the rest can decide nothing yet; and which steps that is enough for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .pace import QUICK, seldom
from .snapshot import Fleet, FleetInstance, Policy, gated
from .steps import Lower, Point, RestoreMax, Step, Wait


@dataclass(frozen=True)
class Look:
    """What one poll reads.

    `booting`: instances; while they and whatever is new are Pending, and one is, the health of targets is not read. None: it is.
    `health`: it alone is read. `again`: the poll before was a moment ago, and read the health.
    """

    booting: frozenset[str] | None = None
    health: bool = False
    again: bool = False


WHOLE = Look()


def next_look(fleet: Fleet | None, policy: Policy, now: float, age: float, poll: float) -> Look:
    """Return what to read next, where nothing was written since the poll that found the fleet.

    `now`: time of that poll in epoch seconds; `age`: seconds since the group itself was read; `poll`: rollout.poll in seconds.
    """
    if not fleet or not fleet.record or fleet.record.aborted or not _quiet(fleet):
        return WHOLE
    coming = [i for i in _new(fleet) if not gated(i, policy, now)]
    if all(_pending(i) for i in coming):
        return Look(booting=frozenset(i.id for i in coming))
    arriving = all(i.lifecycle == "InService" and i.health == "Healthy" and i.targets for i in coming)
    # What happens to the group, failed launches and alarms among it, is seen as often as without new instances.
    return Look(health=arriving and age < seldom(poll) - poll / QUICK)


def sufficient(fleet: Fleet, step: Step, polled: bool) -> bool:
    """Return whether a step may be taken with what is known of the fleet; `polled`: nothing was written since the poll.

    A size is set as a number: what another user changed during our own writes would be lost.
    """
    if fleet.blind:
        return isinstance(step, Wait) and _quiet(fleet)
    return polled or not isinstance(step, Point | Lower | RestoreMax)


def is_booting(members: Mapping[str, str], seen: Fleet, ids: frozenset[str]) -> bool:
    """Return whether nothing but these instances is new since the last poll, and all that is new is Pending.

    `members`: the lifecycle of each instance of the group.
    """
    known = {i.id for i in seen.instances} - ids
    coming = [lifecycle for id, lifecycle in members.items() if id not in known]
    return bool(coming) and all(lifecycle.startswith("Pending") for lifecycle in coming)


def unread(fleet: Fleet, seen: Fleet, groups: int, *, blind: bool) -> Fleet:
    """Return a fleet with the health that an earlier poll found; what was not there then is registered nowhere."""
    before = {i.id: i for i in seen.instances}
    unused = ("unused",) * groups
    instances = tuple(_as_in(i, before.get(i.id) or replace(i, targets=unused)) for i in fleet.instances)
    return replace(fleet, instances=instances, blind=blind)


def only_health(seen: Fleet, health: Mapping[str, FleetInstance]) -> Fleet:
    """Return the fleet of an earlier poll with the health that was read now, by instance id."""
    instances = tuple(_as_in(i, health[i.id]) for i in seen.instances)
    # As a poll counts launches, those of other versions among them.
    return replace(seen, instances=instances, launches=len(seen.launched), blind=True)


def _new(fleet: Fleet) -> list[FleetInstance]:
    return [i for i in fleet.members if fleet.record and i.version == fleet.record.wanted]


def _quiet(fleet: Fleet) -> bool:
    """Return whether the health of each new instance in service is good, or still to come: of others all is to be read."""
    return all(t in ("healthy", "initial") for i in _new(fleet) if i.lifecycle == "InService" for t in i.targets)


def _as_in(instance: FleetInstance, other: FleetInstance) -> FleetInstance:
    return replace(instance, targets=other.targets, reason=other.reason)


def _pending(instance: FleetInstance) -> bool:
    return instance.lifecycle.startswith("Pending")
