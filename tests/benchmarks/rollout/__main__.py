"""`rollout` against its peers on the stand-in cloud: `python -m tests.benchmarks.rollout [--quick] [--sizes 4,20] [--speed 5]`.

Against Ansible's `amazon.aws.autoscaling_group` with `replace_all_instances` and the AWS CLI's `start-instance-refresh`, both
unmodified from PyPI (in .cache/peers, made when missing). Each run has a stand-in cloud of its own with the same delays; those
for one size of a fleet are on at the same time, so that what else the machine does falls on all alike. Time passes `--speed`
times as fast, in the cloud and in the tools' sleeps: what the tools and the machine need themselves weighs that much more.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from tests.benchmarks.rollout.figures import OURS, THROTTLED, Delays, Outcome, goals, table
from tests.benchmarks.rollout.tools import CREDENTIALS, ROOT, TOOLS, install


def _run(tool: str, instances: int, throttled: float, delays: Delays, speed: float) -> Outcome:
    """Run one tool in a process of its own, a quarter of the fleet at once."""
    given = {"tool": tool, "instances": instances, "surge": max(1, instances // 4), "speed": speed, "throttled": throttled}
    words = [sys.executable, "-m", "tests.benchmarks.rollout.world", json.dumps({**given, "delays": asdict(delays)})]
    ended = subprocess.run(words, cwd=ROOT, env={**os.environ, **CREDENTIALS}, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{tool}, {instances} instances:\n{ended.stderr}")
    print(f"  {tool}, {instances} instances, {throttled:.0%} throttled: done", file=sys.stderr, flush=True)
    return Outcome(**json.loads(ended.stdout.splitlines()[-1]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and the goals; return 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.rollout", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 instances, at twice the speed")
    parser.add_argument("--sizes", default="4,20", help="sizes of the fleet, separated by commas")
    parser.add_argument("--tools", default="", help="only those whose name has this in it")
    parser.add_argument("--speed", type=float, default=5.0, help="AWS's seconds in a second")
    given = parser.parse_args(arguments)
    sizes = [4] if given.quick else [int(size) for size in given.sizes.split(",")]
    speed = 2 * given.speed if given.quick else given.speed
    install()
    delays, outcomes = Delays(), list[Outcome]()
    for size in sizes:
        runs = [(tool, size, 0.0) for tool in TOOLS if given.tools in tool] + [(OURS, size, share) for share in THROTTLED]
        with ThreadPoolExecutor(len(runs)) as pool:
            outcomes += pool.map(lambda run: _run(*run, delays, speed), runs)
    looks = f"everybody looks every {delays.poll:.0f} s"
    print(f"launched to in service {delays.boot:.0f} s, to healthy {delays.healthy:.0f} s more; {looks}")
    print(f"\n{table(outcomes, delays)}\n")
    found = goals(outcomes, delays)
    print("\n".join(f"{'reached' if well else 'MISSED '}  {text}" for well, text in found), flush=True)
    return int(not all(well for well, _ in found))


if __name__ == "__main__":
    sys.exit(main())
