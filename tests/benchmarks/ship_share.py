"""What share of a full `ship` our own code takes: `python -m tests.benchmarks.ship_share [--hosts processes] [--instances 3]`.

The rehearsal on machines, with a sampling profiler around `fab ship` (py-spy: a hundred times a second it looks from outside at
every thread that runs). A look is ours when the function that runs lies in `tasks/`, and a library's when it lies anywhere else,
Python's imports apart. The number of looks is compared with the time on the clock.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rehearsal.host_kinds import KINDS, MACHINES
from rehearsal.hosts.machines import golden, namespaces, requirements
from rehearsal.scenario import Rehearsal
from rehearsal.world import World

GOAL = 0.05
RATE = 100  # looks a second


class Profiled(Rehearsal):
    """A rehearsal whose `ship` is looked at from outside."""

    def command(self, name: str, *arguments: str) -> list[str]:
        words = super().command(name, *arguments)
        if arguments[:1] != ("ship",):
            return words
        spy = ["py-spy", "record", "--nonblocking", "--rate", str(RATE), "--format", "raw", "--full-filenames"]
        return [*spy, "--output", str(self.looks), "--", *words]

    @property
    def looks(self) -> Path:
        """The profiler's file: a line for each stack, with the number of looks."""
        return self.world.places.top / "looks"


def kinds(looks: str) -> Counter[str]:
    """Return how many looks met what kind of code."""
    counted: Counter[str] = Counter()
    for line in looks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if any("importlib" in frame for frame in frames):
            kind = "imports"
        else:
            kind = "our own code" if "/tasks/" in frames[-1] else "libraries"
        counted[kind] += int(count)
    return counted


def measure(hosts: str, instances: int, top: Path) -> int:
    """Rehearse, print the shares, and return 1 when ours is above the goal or the rehearsal failed."""
    with World(top, KINDS[hosts]) as world:
        rehearsal = Profiled(world, instances, ())
        well = rehearsal.play()
        took = rehearsal.took["ship"]
        counted = kinds(rehearsal.looks.read_text())
    if not well or not counted:
        return 1
    print(f"\n`fab ship` on {instances} {hosts}: {took:.1f} s, looked at {RATE} times a second; what ran, in shares of it")
    for kind, count in counted.most_common():
        print(f"  {kind:14}{count / RATE / took:7.1%}" + (f"   (goal: under {GOAL:.0%})" if kind == "our own code" else ""))
    return int(counted["our own code"] / RATE / took >= GOAL)


def main(arguments: Sequence[str]) -> int:
    """Measure, in a box where hosts are machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", choices=("machines", "processes"), default=MACHINES.name)
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--top", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if not shutil.which("py-spy"):
        print("ship_share needs py-spy: pip install -r tests/requirements.txt", file=sys.stderr)
        return 2
    top = given.top or Path(tempfile.mkdtemp(prefix="ramped-rehearsal-"))
    if given.hosts != MACHINES.name or given.top:
        return measure(given.hosts, given.instances, top)
    if line := requirements.missing(given.instances):
        print(f"ship_share: {line}", file=sys.stderr)
        return 2
    golden.layers(print)
    return namespaces.run([sys.executable, "-m", "tests.benchmarks.ship_share", *arguments, "--top", str(top)], [top])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
