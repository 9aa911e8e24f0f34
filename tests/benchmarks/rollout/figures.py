"""What the runs have shown, against the goals: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FLOOR, READS = 1.05, 3
CALLS = {4: 120}  # at most so many by size of the fleet
THROTTLED = {0.3: 1.3, 0.6: 1.5}  # share of the calls, and how many times as long it may take then
OURS = "ramped rollout"
_READS = ("Describe", "Get", "List")


@dataclass(frozen=True)
class Delays:
    """What the stand-in cloud takes its time for, in AWS's seconds."""

    boot: float = 150.0  # from launch to in service
    healthy: float = 50.0  # from in service to healthy
    poll: float = 10.0  # between two looks, of everybody: Ansible's cannot be changed


@dataclass(frozen=True)
class Outcome:
    """One run: `seconds` are AWS's, from the first API call to the last; `calls` are counted by action."""

    tool: str
    instances: int
    surge: int
    seconds: float
    calls: Mapping[str, int]
    requests: int
    failed: int
    throttled: float = 0.0

    @property
    def total(self) -> int:
        """Return how many API calls there were, those that were refused too."""
        return sum(self.calls.values())

    @property
    def reads(self) -> int:
        """Return the reads of one tick: what is asked at every look, and not just before and after."""
        asked = {name: count for name, count in self.calls.items() if name.split(":")[1].startswith(_READS)}
        looks = asked.get("autoscaling:DescribeAutoScalingGroups", 0) or max(asked.values(), default=0)
        return sum(round(count / looks) for count in asked.values()) if looks else 0

    def floor(self, delays: Delays) -> float:
        """Return the shortest time in which so many can be replaced with such a surge, in AWS's seconds."""
        return self.instances / self.surge * (delays.boot + delays.healthy)


def table(outcomes: Sequence[Outcome], delays: Delays) -> str:
    """Show the runs side by side."""
    rows = [("instances", "surge", "throttled", "tool", "seconds", "x floor", "calls", "reads/tick", "requests", "failed")]
    for one in outcomes:
        floor = one.seconds / one.floor(delays)
        counts = (str(one.total), str(one.reads), str(one.requests), str(one.failed))
        rows.append(
            (str(one.instances), str(one.surge), f"{one.throttled:.0%}", one.tool, f"{one.seconds:.0f}", f"{floor:.3f}", *counts)
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def goals(outcomes: Sequence[Outcome], delays: Delays) -> list[tuple[bool, str]]:
    """Hold the runs against what they are to reach."""
    found = [(sum(one.failed for one in outcomes) == 0, "no request failed in any run")]
    found.append((all(one.requests > 0 for one in outcomes), "visitors came in every run"))
    calm = {(one.instances, one.tool): one for one in outcomes if not one.throttled}
    for (instances, tool), ours in calm.items():
        if tool != OURS:
            continue
        floor = ours.seconds / ours.floor(delays)
        found.append((floor <= FLOOR, f"{instances} instances: {floor:.3f} of the floor, goal {FLOOR}"))
        found.append((ours.reads <= READS, f"{instances} instances: {ours.reads} reads a tick, goal {READS}"))
        if instances in CALLS:
            found.append((ours.total <= CALLS[instances], f"{instances} instances: {ours.total} calls, goal {CALLS[instances]}"))
        for other in (one for (size, name), one in calm.items() if size == instances and name != OURS):
            calls = f"{instances} instances: {ours.total} calls, {other.tool} {other.total}; goal: fewer"
            found.append((ours.total < other.total, calls))
    for one in outcomes:
        if one.throttled and one.tool == OURS and (ours := calm.get((one.instances, OURS))):
            slower = one.seconds / ours.seconds
            goal = THROTTLED[one.throttled]
            text = f"{one.instances} instances, {one.throttled:.0%} throttled: {slower:.3f} of its own time, goal {goal}"
            found.append((slower <= goal, text))
    return found
