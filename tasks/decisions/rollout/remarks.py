"""What an operator should know of a group at any time: what a run has left behind, what somebody else has changed."""

from __future__ import annotations

from collections.abc import Iterator

from .decide import OURS_TO_SUSPEND
from .snapshot import Fleet, Record


def remarks(fleet: Fleet) -> Iterator[str]:
    """Yield what is left of a rollout, and what to do about it."""
    yield from _suspensions(fleet)
    if fleet.vanished:
        yield "the tags of the rollout under way are missing; the next run writes them again from their copy"
    if fleet.record:
        yield _under_way(fleet, fleet.record)


def _suspensions(fleet: Fleet) -> Iterator[str]:
    left = [name for name in OURS_TO_SUSPEND if name in fleet.suspended]
    if len(left) == len(OURS_TO_SUSPEND) and not fleet.record:
        yield (
            f"{' and '.join(left)} are what a rollout suspends, and none is under way: if nobody else suspended them, run "
            f"aws autoscaling resume-processes --auto-scaling-group-name {fleet.group} --scaling-processes {' '.join(left)}"
        )


def _under_way(fleet: Fleet, record: Record) -> str:
    if record.aborted:
        return f"the rollout to version {record.target} is being aborted, or that was stopped; `abort` goes on"
    way = (
        f"back from version {record.target} to {record.source}"
        if record.back
        else f"from version {record.source} to {record.target}"
    )
    left = sum(1 for i in fleet.members if i.version != record.wanted)
    return f"a rollout {way} is under way or was stopped: {left} of {record.size} instances are left; `rollout` goes on"
