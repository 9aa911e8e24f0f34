"""What an operator should know about a group: leftovers of a run, changes by others."""

from __future__ import annotations

from collections.abc import Iterator

from .record import OURS_TO_SUSPEND
from .snapshot import Fleet, Record


def remarks(fleet: Fleet) -> Iterator[str]:
    """Yield the leftovers of a rollout, and what to do about them."""
    yield from _suspensions(fleet)
    yield from _warm(fleet)
    if fleet.vanished:
        yield "the tags of the rollout under way are missing; the next run writes them again from their copy"
    if fleet.record:
        yield _under_way(fleet, fleet.record)


def _warm(fleet: Fleet) -> Iterator[str]:
    versions = sorted({i.version for i in fleet.members})
    outdated = fleet.outdated(versions[0]) if len(versions) == 1 and not fleet.record else ()
    if outdated:
        names = ", ".join(f"{i.id} (version {i.version})" for i in outdated)
        yield f"the warm pool holds {names}, not version {versions[0]}: a scale-out brings it into service; `rollout` ends it"


def _suspensions(fleet: Fleet) -> Iterator[str]:
    left = [name for name in OURS_TO_SUSPEND if name in fleet.suspended]
    if len(left) == len(OURS_TO_SUSPEND) and not fleet.record:
        yield (
            f"{' and '.join(left)} are what a rollout suspends, and none is under way: if no other user suspended them, run "
            f"aws autoscaling resume-processes --auto-scaling-group-name {fleet.group} --scaling-processes {' '.join(left)}"
        )


def _under_way(fleet: Fleet, record: Record) -> str:
    if record.aborted:
        return f"the rollout to version {record.target} is being aborted, or the abort was interrupted; `abort` continues it"
    way = (
        f"back from version {record.target} to {record.source}"
        if record.back
        else f"from version {record.source} to {record.target}"
    )
    left = sum(1 for i in fleet.members if i.version != record.wanted)
    return f"a rollout {way} is under way or was interrupted: {left} of {record.size} instances are left; `rollout` continues it"
