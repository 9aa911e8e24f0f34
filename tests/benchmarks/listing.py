"""How long `fab --list` and `inv --list` take against one bare task: `python -m tests.benchmarks.listing [RUNS]`.

The two are run in turns, so that what else the machine does falls on both alike; medians are compared.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GOAL = 1.15
BARE = '''from invoke import task


@task
def deploy(c):
    """Deploy."""
'''


def bare(folder: Path) -> Path:
    """Make a folder with one task and nothing else."""
    folder.mkdir()
    for name in ("fabfile.py", "tasks.py"):
        (folder / name).write_text(BARE)
    return folder


def ours(folder: Path) -> Path:
    """Make an operator's folder."""
    folder.mkdir()
    (folder / "tasks").symlink_to(ROOT / "tasks")
    shutil.copy(ROOT / "fabfile.py", folder)
    return folder


def seconds(binary: str, folder: Path) -> float:
    """Return how long one listing takes."""
    command = [str(Path(sys.executable).parent / binary), "--list"]
    begin = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def compare(binary: str, one: Path, other: Path, runs: int) -> tuple[float, float]:
    """Return the medians of both, in seconds, after one run of each that does not count."""
    times: dict[Path, list[float]] = {one: [], other: []}
    for number in range(runs + 1):
        for folder in (one, other):
            took = seconds(binary, folder)
            if number:
                times[folder].append(took)
    return statistics.median(times[one]), statistics.median(times[other])


def main(runs: int = 25) -> int:
    """Print the table; return 1 when a ratio is above the goal."""
    worst = 0.0
    print(f"{'':30}{'bare':>10}{'ramped':>10}{'ratio':>8}   goal {GOAL}, medians of {runs}")
    with tempfile.TemporaryDirectory() as name:
        for title, settings in (("", False), (" with fabric.yaml", True)):
            folders = [bare(Path(name, f"bare{settings}")), ours(Path(name, f"ours{settings}"))]
            for folder in folders if settings else ():
                shutil.copy(ROOT / "settings_snippets" / "fabric.yaml", folder)
            for binary in ("fab", "inv"):
                one, other = compare(binary, *folders, runs)
                worst = max(worst, other / one)
                print(f"{f'{binary} --list{title}':30}{one * 1000:7.0f} ms{other * 1000:7.0f} ms{other / one:8.2f}")
    return int(worst > GOAL)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.exit(main(*map(int, sys.argv[1:])))
