"""No process of the rehearsal outlives it: every child carries a mark, and a reaper waits for the server's death.

The mark is a variable in the child's environment, inherited by whatever it starts, through setsid and double forks.
It reads `token/instance/unit/`, so that a prefix names the rehearsal, one machine, or one service: the stand-in for a
control group. The reaper is a process that reads from a pipe whose other end only the server holds: when the server
dies, of whatever, the pipe ends, and the reaper kills what bears the token and removes the given folders.

This file is also run as a script by its path, on a bare interpreter: the standard library only.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

VARIABLE = "REHEARSAL_MARK"
REAPER = "reaper"  # its own mark, which no token begins with


def find(prefix: str) -> list[int]:
    """Return the ids of the live processes whose mark begins with the prefix, and of their descendants.

    Without reapers: a part that is killed has one of its own, which must clean up behind it.
    """
    marked = [(pid, parent, _mark(pid)) for pid, parent in _parents()]
    parents = {pid: parent for pid, parent, mark in marked if mark != REAPER}
    found = {pid for pid, _, mark in marked if mark.startswith(prefix)}
    size = -1
    while found and size != len(found):
        size = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    found.discard(os.getpid())
    return sorted(found)


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if fields[0] not in (b"Z", b"X"):
            yield int(entry.name), int(fields[1])


def _mark(pid: int) -> str:
    try:
        environment = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return ""
    start = f"{VARIABLE}=".encode()
    marks = (entry.removeprefix(start) for entry in environment.split(b"\0") if entry.startswith(start))
    return next(marks, b"").decode(errors="replace")


def send(pids: Iterable[int], number: int) -> None:
    """Send the signal to each of the processes that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def sweep(prefix: str) -> None:
    """Kill all processes marked with the prefix, until two scans in a row find none: a scan may miss a fork under way."""
    quiet = 0
    while quiet < 2:
        found = find(prefix)
        send(found, signal.SIGKILL)
        quiet = 0 if found else quiet + 1
        time.sleep(0.02)


def kill_group(group: Path) -> None:
    """Kill everything in a control group (version 2) and those below it, and wait until all is dead."""
    while "populated 1" in (group / "cgroup.events").read_text(encoding="ascii"):
        (group / "cgroup.kill").write_text("1", encoding="ascii")
        time.sleep(0.02)


def remove_group(group: Path) -> None:
    """Kill what is in a control group, and remove it with those below it."""
    kill_group(group)
    for folder, _, _ in os.walk(group, topdown=False):
        Path(folder).rmdir()


class Reaper:
    """The process that cleans up if this process cannot."""

    def __init__(self, token: str, folders: Iterable[Path], within: Sequence[str] = ()) -> None:
        """Start it; `within` is a command that runs the command that follows it, in namespaces of its own."""
        command = [*within, sys.executable, "-IS", __file__, token, *map(str, folders)]
        own = {**os.environ, VARIABLE: REAPER}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, cwd="/", env=own)
        self.pid = self._process.pid

    def close(self) -> None:
        """Let it clean up now, and wait until it has."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()


def main(token: str, folders: list[str]) -> None:
    """Wait for the end of the pipe on stdin, then kill what bears the token and remove the folders."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 4096):
        continue
    sweep(f"{token}/")
    for folder in map(Path, folders):
        if (folder / "cgroup.kill").exists():
            remove_group(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
