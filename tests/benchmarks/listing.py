"""How long `fab --list` and `inv --list` take against one bare task: `python -m tests.benchmarks.listing [RUNS]`.

The two are run in turns, so that what else the machine does falls on both alike; medians are compared, of the time on the
clock and of the processor's time, which a busy machine disturbs less: the goal is judged by that.
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


def seconds(binary: str, folder: Path) -> tuple[float, float]:
    """Return what one listing takes on the clock and of the processor."""
    begin = time.perf_counter()
    process = subprocess.Popen([Path(sys.executable).parent / binary, "--list"], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{binary} --list failed in {folder}")
    return time.perf_counter() - begin, used.ru_utime + used.ru_stime


def compare(binary: str, one: Path, other: Path, runs: int) -> list[tuple[float, float]]:
    """Return the medians of both folders for the clock, then for the processor, after one run of each that does not count."""
    times: dict[Path, list[tuple[float, float]]] = {one: [], other: []}
    for _ in range(runs + 1):
        for folder in (one, other):
            times[folder].append(seconds(binary, folder))
    return [
        (statistics.median(took[kind] for took in times[one][1:]), statistics.median(took[kind] for took in times[other][1:]))
        for kind in (0, 1)
    ]


def main(runs: int = 25) -> int:
    """Print the table; return 1 when a ratio of the processor's time is above the goal."""
    worst = 0.0
    print(f"medians of {runs}; goal {GOAL}   {'bare':>10}{'ramped':>10}{'ratio':>8}{'cpu bare':>12}{'ramped':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as name:
        for title, settings in (("", False), (" with fabric.yaml", True)):
            folders = [bare(Path(name, f"bare{settings}")), ours(Path(name, f"ours{settings}"))]
            for folder in folders if settings else ():
                shutil.copy(ROOT / "settings_snippets" / "fabric.yaml", folder)
            for binary in ("fab", "inv"):
                pairs = compare(binary, *folders, runs)
                worst = max(worst, pairs[1][1] / pairs[1][0])
                cells = [f"{one * 1000:7.0f} ms{other * 1000:7.0f} ms{other / one:8.2f}" for one, other in pairs]
                print(f"{f'{binary} --list{title}':28}{'  '.join(cells)}")
    return int(worst > GOAL)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.exit(main(*map(int, sys.argv[1:])))
