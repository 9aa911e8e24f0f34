"""Mutants of the rollout's decisions: each must fail a test, or its reason must stand in survivors.txt.

`python -m tests.mutation [--sample N]`: with mutmut, whose settings are in pyproject.toml; N mutants drawn at random, or all.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.explained import Mutant, explained

ROOT = Path(__file__).parents[2]
MUTANTS = ROOT / "mutants/tasks/decisions/rollout"
MUTMUT = (sys.executable, "-m", "mutmut")
# How mutmut notes that every test passed, and that there was none for the function.
SURVIVED, UNTESTED = 0, 33


def noted() -> dict[str, int | None]:
    """Return how each mutant ended, as mutmut noted it."""
    found: dict[str, int | None] = {}
    for path in sorted(MUTANTS.glob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def shown(name: str) -> Mutant:
    """Return what a mutant changes."""
    diff = subprocess.run([*MUTMUT, "show", name], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return Mutant.of(name, lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants; return 1 where one survives unexplained, and show it."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many, drawn at random; 0: all")
    given = parser.parse_args(arguments)
    # A name that no mutant has: they are made and the tests of each function are found, none is tried.
    subprocess.run([*MUTMUT, "run", "none"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    names = sorted(noted())
    if not names:
        print(f"mutmut made no mutants: `{' '.join(MUTMUT)} run` says why", file=sys.stderr)
        return 2
    drawn = random.sample(names, min(given.sample, len(names))) if given.sample else names
    subprocess.run([*MUTMUT, "run", *(drawn if given.sample else ())], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    ended = noted()
    survivors = {name: shown(name) for name in drawn if ended[name] in (SURVIVED, UNTESTED, None)}
    known = explained()
    surprising = {name: mutant for name, mutant in survivors.items() if mutant not in known}
    for name, mutant in surprising.items():
        print(f"{name}\n{mutant}\n")
    print(f"{len(drawn)} of {len(names)} mutants: {len(survivors)} survived, {len(surprising)} of them unexplained")
    return 1 if surprising else 0


if __name__ == "__main__":
    sys.exit(main())
