"""What a fleet looks like after our own write, where nothing but that write has changed: no poll is needed to know it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from .snapshot import Fleet, Policy, gated
from .steps import Advance, Begin, Forget, Lower, Point, Protect, RestoreMax, Resume, Rewrite, Step, Suspend, Unprotect, Wait


def after(fleet: Fleet, step: Step) -> Fleet | None:
    """Return the fleet as a step leaves it, or None where only a poll shows that.

    The group acts upon some steps; a rollback reads other activities than the rollout before it.
    """
    match step:
        case Begin(record) | Advance(record) | Rewrite(record):
            return replace(fleet, record=record, vanished=False)
        case Forget():
            return replace(fleet, record=None, vanished=False)
        case Suspend(processes):
            return replace(fleet, suspended=fleet.suspended | set(processes))
        case Resume(processes):
            return replace(fleet, suspended=fleet.suspended - set(processes))
        case Protect(ids) | Unprotect(ids):
            return _protected(fleet, ids, isinstance(step, Protect))
        case RestoreMax(maximum):
            return replace(fleet, maximum=maximum)
    return None


def sufficient(fleet: Fleet, step: Step, polled: bool) -> bool:
    """Return whether a step may be taken with what is known of the fleet; `polled`: nothing was written since the poll.

    A size is set as a number: what another user changed during our own writes would be lost.
    """
    return isinstance(step, Wait) or (not fleet.blind and (polled or not isinstance(step, Point | Lower | RestoreMax)))


def _protected(fleet: Fleet, ids: Collection[str], protected: bool) -> Fleet:
    return replace(fleet, instances=tuple(replace(i, protected=protected) if i.id in ids else i for i in fleet.instances))


def booting(fleet: Fleet | None, policy: Policy, now: float) -> frozenset[str]:
    """Return the new instances that are Pending, where no other new instance has yet to pass.

    While they are, the health of targets can decide nothing. `now`: time of the poll in epoch seconds.
    """
    if not fleet or not fleet.record:
        return frozenset()
    coming = [i for i in fleet.members if i.version == fleet.record.wanted and not gated(i, policy, now)]
    return frozenset(i.id for i in coming) if all(i.lifecycle.startswith("Pending") for i in coming) else frozenset()
