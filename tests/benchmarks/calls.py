"""Calls and time of a rollout in AWS's own time: `python -m tests.benchmarks.calls [--sizes 4,20] [--throttled 0,0.3,0.6]`.

The whole task against the stand-in's API, a quarter of the fleet at once, however busy the machine is. `rollout` measures it
by the clock, beside its peers. A run that is throttled to its end is said, and left out.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from tests.benchmarks.rollout.tools import CREDENTIALS
from tests.worlds.virtual_world import virtual


@dataclass(frozen=True)
class Run:
    """One rollout: its time in times of the floor, and its calls by name."""

    ratio: float
    calls: dict[str, int]


def measure(instances: int, throttled: float, seed: int) -> Run | None:
    """Roll a fleet; None where AWS has refused a call so often that the rollout stopped."""
    surge = max(1, instances // 4)
    with virtual(instances, seed=seed, throttled=throttled) as world:
        try:
            world.roll(surge)
        except ClientError as error:
            print(f"  seed {seed}: {error}", file=sys.stderr)
            return None
        return Run(world.ratio(surge), dict(world.calls.most_common()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each size and share, and the calls by name of the first run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.calls", description=__doc__)
    parser.add_argument("--sizes", default="4,20", help="sizes of the fleet, separated by commas")
    parser.add_argument("--throttled", default="0,0.3,0.6", help="shares of all calls that are refused")
    parser.add_argument("--runs", type=int, default=3, help="rollouts of each, with other delays between polls")
    given = parser.parse_args(arguments)
    os.environ.update(CREDENTIALS)
    for size in (int(size) for size in given.sizes.split(",")):
        for share in (float(share) for share in given.throttled.split(",")):
            runs = [run for seed in range(1, given.runs + 1) if (run := measure(size, share, seed))]
            ratios = " ".join(f"{run.ratio:.3f}" for run in runs)
            calls = " ".join(str(sum(run.calls.values())) for run in runs)
            print(f"{size} instances, {share:.0%} throttled: {ratios} of the floor; {calls} calls", flush=True)
            if runs and not share:
                print("".join(f"  {count:4} {name}\n" for name, count in runs[0].calls.items()), end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
