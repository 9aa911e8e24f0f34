"""What a fleet looks like after our own write, where nothing but that write has changed: no poll is needed to know it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from .snapshot import Fleet
from .steps import Advance, Begin, Forget, Protect, RestoreMax, Resume, Rewrite, Step, Suspend, Unprotect


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


def _protected(fleet: Fleet, ids: Collection[str], protected: bool) -> Fleet:
    return replace(fleet, instances=tuple(replace(i, protected=protected) if i.id in ids else i for i in fleet.instances))
