"""How long a rollout will take and what it costs, by the plan and by the group's own history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .snapshot import Fleet, Policy
from .steps import Point, Return, Step, Terminate


@dataclass(frozen=True)
class History:
    """What the group's latest activities took, in seconds: launches until in service, and ends of instances.

    `gate`: seconds that an instance in service still needs until it counts as healthy.
    """

    launches: tuple[float, ...] = ()
    ends: tuple[float, ...] = ()
    gate: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """What a rollout launches, how long it takes and what runs in addition meanwhile.

    `launches`: of the group, `smoke`: of ours besides; `waves`: launches that are waited for one after the other; `expected` and
    `longest`: seconds, None where nothing is known; `extra`: hours of instances that run in addition, `cost` of these.
    """

    launches: int
    smoke: int
    waves: int
    measured: int  # launches that were measured
    expected: float | None
    longest: float | None
    extra: float | None
    cost: float | None


def waves(steps: Sequence[Step], fleet: Fleet) -> list[int]:
    """Return the launches of a plan that are waited for one after the other, as their numbers of instances."""
    found, desired = [], fleet.desired
    for step in steps:
        if isinstance(step, Point):
            found.append(max(0, step.desired - desired))
            desired = step.desired
        elif isinstance(step, Terminate):
            found.append(len(step.ids))
        elif isinstance(step, Return):
            desired -= len(step.ids)
    return [number for number in found if number]


def refresh_waves(fleet: Fleet, version: str, surge: int) -> list[int]:
    """Return the same of an instance refresh, which launches as many at a time as the surge allows."""
    left = sum(i.version != version for i in fleet.members)
    return [min(surge, left - start) for start in range(0, left, max(1, surge))]


def estimate(found: Sequence[int], history: History, policy: Policy, *, smoke: int = 0, price: float | None = None) -> Estimate:
    """Return what to expect of launches in waves.

    `smoke`: smoke boots before them; `price`: of an instance for an hour, None where that is not known.
    """
    rounds, total = len(found), sum(found)
    breaks = policy.pause * (len(policy.pauses) + 1)
    expected = longest = extra = None
    if history.launches:
        # Several that are launched at a time are waited for until the slowest is there.
        expected, longest = (
            _whole(rounds, smoke, launch, history.gate + policy.warm_up, end, breaks)
            for launch, end in (
                (median(history.launches), median(history.ends or (0.0,))),
                (max(history.launches), max(history.ends or (0.0,))),
            )
        )
        # The surge runs all the time, an old instance while it drains, and a smoke boot while it boots.
        drains = (total - max(found, default=0)) * median(history.ends or (0.0,))
        extra = (max(found, default=0) * expected + drains + smoke * median(history.launches)) / 3600
    cost = None if price is None or extra is None else price * extra
    return Estimate(total, smoke, rounds, len(history.launches), expected, longest, extra, cost)


def _whole(rounds: int, smoke: int, launch: float, gate: float, end: float, breaks: float) -> float:
    return smoke * launch + rounds * (launch + gate) + (end if rounds else 0.0) + breaks


def described(found: Estimate, duration: str, longest: str) -> list[str]:
    """Return the lines for people; `duration` and `longest`: the seconds as text."""
    boots = f", and {found.smoke} for the smoke boot" if found.smoke else ""
    lines = [f"{found.launches} launches in {found.waves} waves{boots}"]
    if found.expected is None or found.extra is None:
        return [*lines, "how long it takes is not known: the group has launched nothing lately"]
    lines.append(f"about {duration}, at most {longest} if none is slower than the slowest of the last {found.measured} launches")
    money = "" if found.cost is None else f": about {found.cost:.2f}" if found.cost >= 0.01 else ": less than 0.01"
    hours = math.ceil(10 * found.extra) / 10
    return [*lines, f"about {hours:g} instance hours in addition{money}"]
