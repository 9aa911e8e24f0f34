"""Mutants of the rollout's decisions: each must fail a test, or its reason must stand in survivors.txt.

`python -m tests.mutation [--sample N] [--seed S] [MODULE...]`: with mutmut, whose settings are in pyproject.toml; N mutants drawn
at random, or all, of the modules that are named, or of all. The same seed draws the same mutants of the same code.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from tests.mutation.explained import Mutant, explained, module_of
from tests.mutation.prepared import FOLDER, MUTATED, prepare

MUTMUT = (sys.executable, "-m", "mutmut")
# How mutmut notes that every test passed, and that there was none for the function.
SURVIVED, UNTESTED = 0, 33
CHILDREN = 2


def noted() -> dict[str, int | None]:
    """Return how each mutant ended, as mutmut noted it."""
    found: dict[str, int | None] = {}
    for path in sorted((FOLDER / "mutants" / MUTATED).glob("*.meta")):
        found |= json.loads(path.read_text())["exit_code_by_key"]
    return found


def shown(name: str) -> Mutant:
    """Return what a mutant changes."""
    diff = subprocess.run([*MUTMUT, "show", name], cwd=FOLDER, capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return Mutant.of(name, lines)


def run(*names: str) -> subprocess.CompletedProcess[str]:
    """Let mutmut try mutants."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [*MUTMUT, "run", "--max-children", str(CHILDREN), *names]
    return subprocess.run(command, cwd=FOLDER, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def drawn(names: Sequence[str], modules: Sequence[str], sample: int, seed: int) -> list[str]:
    """Return the mutants to try: by a hash of their names, so that a change of one function leaves the others in or out."""
    among = [name for name in names if not modules or module_of(name) in modules]
    return sorted(sorted(among, key=lambda name: sha256(f"{seed} {name}".encode()).digest())[: sample or None])


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants; return 1 where one survives unexplained, and show it."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="so many, drawn at random; 0: all")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("module", nargs="*", help="of tasks/decisions/rollout: view, weights")
    given = parser.parse_args(arguments)
    prepare()
    # A name that no mutant has: they are made and the tests of each function are found, none is tried.
    made = run("none")
    names = sorted(noted())
    among = drawn(names, given.module, given.sample, given.seed)
    if not among:
        print(f"mutmut made no mutants:\n{made.stdout}", file=sys.stderr)
        return 2
    tried = run(*among)
    ended = noted()
    if tried.returncode or any(ended[name] is None for name in among):
        print(f"mutmut failed:\n{tried.stdout[-5000:]}", file=sys.stderr)
        return 2
    survivors = {name: shown(name) for name in among if ended[name] in (SURVIVED, UNTESTED)}
    known = explained()
    surprising = {name: mutant for name, mutant in survivors.items() if mutant not in known}
    for name, mutant in surprising.items():
        print(f"{name}\n{mutant}\n")
    print(f"{len(among)} of {len(names)} mutants: {len(survivors)} survived, {len(surprising)} of them unexplained")
    return 1 if surprising else 0


if __name__ == "__main__":
    os.nice(max(0, 10 - os.nice(0)))
    sys.exit(main())
