"""Which zone gets the next instance, and which instance goes: no I/O, no clock."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

from .state import Member

POLICIES = (
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
)
HOUR = 3600.0
Narrow = Callable[[Sequence[Member], str, float], list[Member]]


def emptiest_zone(zones: Sequence[str], members: Sequence[Member]) -> str:
    """Return the zone with the fewest members, the first by name among equals."""
    counts = Counter(member.zone for member in members)
    return min(zones, key=lambda zone: (counts[zone], zone))


def imbalance(zones: Sequence[str], members: Sequence[Member]) -> int:
    """Return how many members more the fullest zone has than the emptiest."""
    counts = Counter(member.zone for member in members)
    numbers = [counts[zone] for zone in zones]
    return max(numbers) - min(numbers) if numbers else 0


def victim(
    members: Sequence[Member], policies: Sequence[str], current_template: str, now: float, rng: random.Random
) -> Member | None:
    """Return the member that scaling in terminates, or None where all are protected.

    Unhealthy ones bypass everything; then the fullest zone that has an unprotected member; then the termination policies, one
    after the other; then chance. Source: "Control which Auto Scaling instances terminate during scale in".
    """
    open_to = [member for member in members if not member.protected]
    if sick := [member for member in open_to if member.health != "Healthy"]:
        return sick[0]
    if not open_to:
        return None
    counts = Counter(member.zone for member in members)
    fullest = max(counts[member.zone] for member in open_to)
    left = [member for member in open_to if counts[member.zone] == fullest]
    for policy in policies:
        left = NARROW[policy](left, current_template, now)
    return rng.choice(left)


def _oldest_template(members: Sequence[Member], current: str, now: float) -> list[Member]:
    foreign = [member for member in members if member.template.id != current]
    pool = foreign or list(members)
    lowest = min(int(member.template.version) for member in pool)
    return [member for member in pool if int(member.template.version) == lowest]


def _oldest(members: Sequence[Member], current: str, now: float) -> list[Member]:
    return [min(members, key=lambda member: member.launched)]


def _newest(members: Sequence[Member], current: str, now: float) -> list[Member]:
    return [max(members, key=lambda member: member.launched)]


def _closest_hour(members: Sequence[Member], current: str, now: float) -> list[Member]:
    most = max((now - member.launched) % HOUR for member in members)
    return [member for member in members if most - (now - member.launched) % HOUR < 1]


def _as_they_are(members: Sequence[Member], current: str, now: float) -> list[Member]:
    return list(members)


def _default(members: Sequence[Member], current: str, now: float) -> list[Member]:
    return _closest_hour(_oldest_template(members, current, now), current, now)


NARROW: dict[str, Narrow] = {
    "AllocationStrategy": _as_they_are,
    "ClosestToNextInstanceHour": _closest_hour,
    "Default": _default,
    "NewestInstance": _newest,
    "OldestInstance": _oldest,
    "OldestLaunchConfiguration": _as_they_are,
    "OldestLaunchTemplate": _oldest_template,
}
