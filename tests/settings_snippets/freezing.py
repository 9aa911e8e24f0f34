"""Stop a process for a while, and be sure that it stands."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0  # seconds


def freeze(pid: int) -> None:
    """Stop a process and wait until each of its threads has stopped: one that runs on may still answer."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + PATIENCE
    while not _stands(pid):
        assert time.monotonic() < end, f"process {pid} has not stopped in {PATIENCE:.0f} s"
        time.sleep(0.01)


def _stands(pid: int) -> bool:
    states = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return all(state in "TtZX" for state in states)
