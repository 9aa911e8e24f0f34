"""Batches of a fleet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def may_leave(id: str, states: Mapping[str, str], fleet: int) -> bool:
    """Return whether a target may be deregistered: half of the fleet, and at least one other target, must stay healthy.

    `states`: target health by instance id; `fleet`: the number of instances in the target group when all are registered.
    """
    healthy = sum(state == "healthy" for other, state in states.items() if other != id)
    return healthy >= max(1, fleet // 2)
