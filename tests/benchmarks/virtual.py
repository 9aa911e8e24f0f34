"""What deciding costs as the fleet grows, in virtual time: `python -m tests.benchmarks.virtual [--instances 100,1000,10000]`.

A whole rollout of the model of a group, a tenth of the fleet at once; only `remember` and `decide` are on the clock.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.decisions.rollout.decide import decide
from tasks.decisions.rollout.snapshot import Fleet, remember
from tasks.decisions.rollout.steps import Done, Step, Stop, Wait
from tests.decisions.rollout.model import GOAL, TICK, ZONES, Box, Group, policy


class LargeGroup(Group):
    """The model for many instances: it launches once for each step or while of time, not after each write."""

    def reconcile(self) -> None:
        """Launch up to desired; nobody scales in here."""

    def launch_missing(self) -> None:
        """Launch up to desired, into the emptiest zones."""
        counts = Counter(dict.fromkeys(ZONES, 0))
        counts.update(b.zone for b in self.members())
        for _ in range(self.desired - counts.total()):
            zone = min(ZONES, key=lambda z: (counts[z], z))
            counts[zone] += 1
            self.born += 1
            box = Box(f"i-{self.born:06d}", zone, self.version, self.now, self.now + self.boot)
            self.boxes[box.id] = box
            self.launches[self.version] += 1
            self.launched.append(box.id)
            self.births[box.id] = self.now


@dataclass(frozen=True)
class Cost:
    """What one rollout took: `seconds` of processor time, looks at the fleet and steps that were not waiting."""

    instances: int
    looks: int
    steps: int
    launches: int
    seconds: float


def measure(instances: int) -> Cost:
    """Roll a fleet in virtual time. Raises AssertionError where it does not end well."""
    group = LargeGroup(0, 2 * instances, instances)
    group.launch_missing()
    group.launches.clear()
    group.launched.clear()
    group.pass_time(100)
    at_once = max(1, instances // 10)
    rules = policy(surge=at_once, batch=at_once)
    seen: Fleet | None = None
    looks = steps = 0
    spent = 0.0
    step: Step = Wait("to begin")
    while not isinstance(step, Done):
        observed = group.observe()
        begun = time.process_time()
        seen = remember(seen, observed, group.now, rules)
        step = decide(seen, rules, GOAL, group.now)
        spent += time.process_time() - begun
        assert not isinstance(step, Stop), step
        looks += 1
        steps += not isinstance(step, Wait | Done)
        group.apply(step)
        if isinstance(step, Wait):
            group.pass_time(TICK)
        group.launch_missing()
    assert {b.version for b in group.members()} == {"2"} and group.desired == instances
    return Cost(instances, looks, steps, group.launches["2"], spent)


def table(costs: Sequence[Cost]) -> str:
    """Show costs side by side, each for one instance."""
    lines = ["instances  launches  looks  steps  steps/instance  us/instance and look  ms/instance"]
    for c in costs:
        look = c.seconds / c.looks / c.instances * 1e6
        whole = c.seconds / c.instances * 1e3
        each = f"{c.steps / c.instances:14.3f}  {look:20.1f}  {whole:11.2f}"
        lines.append(f"{c.instances:9}  {c.launches:8}  {c.looks:5}  {c.steps:5}  {each}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.virtual", description=__doc__)
    parser.add_argument("--instances", default="100,1000,10000", help="sizes of the fleet, separated by commas")
    given = parser.parse_args(arguments)
    print(table([measure(int(size)) for size in given.instances.split(",")]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
