"""Write the lock files: every library that the pins bring along, with its hashes.

`python -m tests.packaging.lock` after a pin has changed; it needs `uv` (pip install uv). Versions that are locked already stay as
long as the pins allow; `--upgrade` takes the newest ones.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMON = ("--universal", "--python-version", "3.11", "--generate-hashes", "--quiet")
HEADER = ("--custom-compile-command", "python -m tests.packaging.lock")
# By lock file: what it is made of. Commands, and commands with rehearsal, as they are installed; everything, for development.
LOCKS = {
    "requirements.lock": ("pyproject.toml", "-c", "requirements.txt"),
    "rehearsal/requirements.lock": (
        *("pyproject.toml", "--extra", "rehearsal"),
        *("-c", "requirements.txt", "-c", "rehearsal/requirements.txt"),
    ),
    "tests/requirements.lock": tuple(f"{folder}requirements.txt" for folder in ("", "rehearsal/", "tests/", "docs/")),
}


def main(arguments: Sequence[str]) -> int:
    """Write all three; return the exit code of the first that fails."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print("lock: uv is missing: pip install uv", file=sys.stderr)
        return 2
    for lock, sources in LOCKS.items():
        command = [uv, "pip", "compile", *COMMON, *HEADER, *arguments, *sources, "--output-file", lock]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
