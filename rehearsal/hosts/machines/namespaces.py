"""A disposable box for a command: mounts, processes, network and control groups of its own, all gone when it ends.

`python -m rehearsal.hosts.machines.namespaces COMMAND...` runs a command in one. In it `lo` is the only network, /run is empty,
and /sys/fs/cgroup is the second version of control groups, whatever the computer uses. The command is process 1 there: whatever
ends it, the kernel kills the rest. A reaper outside removes what the kernel does not: the
control groups, and the given folders.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from ..reaper import Reaper
from . import requirements

CGROUPS = Path("/sys/fs/cgroup")
VARIABLE = "REHEARSAL_BOX"  # in the environment of what runs in a box: the name of its control group

# $0 is the name of the control group, the arguments are the command. The second `unshare` enters the group first, so that the
# group holds everything, and what is in it can be killed as a whole.
_ENTER = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$0"
echo $$ >"/sys/fs/cgroup/$0/cgroup.procs"
exec unshare --mount --net --pid --fork --kill-child --mount-proc sh -ec '
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -p /run/netns /run/lock /run/systemd/nspawn
    ip link set lo up
    exec "$@"' sh "$@"
"""
OWN_CGROUPS = ("unshare", "--mount", "sh", "-ec", 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"', "sh")


def run(command: Sequence[str], folders: Sequence[Path] = (), note: Path | None = None) -> int:
    """Run a command in a box and return its exit code; the folders are removed afterwards, also when this process is killed.

    Into the file `note` goes the id of a process in the box, for `nsenter`.

    Ctrl-C reaches the command by the terminal, SIGTERM and SIGHUP are passed on to it.
    """
    name = f"ramped-{uuid.uuid4().hex[:12]}"
    reaper = Reaper(name, [CGROUPS / name, *folders], OWN_CGROUPS)
    try:
        process = subprocess.Popen(wrapped(command, name), env=environment(name))
        if note:
            note.write_text(f"{_first(process)}\n", encoding="ascii")
        return _wait(process)
    finally:
        reaper.close()


def wrapped(command: Sequence[str], name: str) -> list[str]:
    """Return the command that runs a command in a box and dies with its parent; `name` is for its control group."""
    return ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "sh", "-ec", _ENTER, name, *command]


def environment(name: str) -> dict[str, str]:
    """Return the environment of what runs in a box."""
    return os.environ | {"PATH": requirements.search_path(), VARIABLE: name}


def group() -> Path:
    """Return the control group of the box in which this runs. Raises LookupError outside of one."""
    if VARIABLE not in os.environ:
        raise LookupError("machine hosts run in a box only: python -m rehearsal.hosts.machines.namespaces COMMAND...")
    return CGROUPS / os.environ[VARIABLE]


def first(child: int) -> int | None:
    """Return the id of the process that is process 1 of a box, as seen from outside; `child` is what `wrapped` has become."""
    for pid in Path(f"/proc/{child}/task/{child}/children").read_text(encoding="ascii").split():
        if _is_first(int(pid)):
            return int(pid)
    return None


def _is_first(pid: int) -> bool:
    """Return whether a process is process 1 of a namespace: what prepares the box has children that end, too."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    ids = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(ids) > 1 and ids[-1] == "1"


def _first(process: "subprocess.Popen[bytes]") -> int | None:
    """Wait for process 1 of the box; None when it does not start."""
    while process.poll() is None:
        if inner := first(process.pid):
            return inner
        time.sleep(0.01)
    return None


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait for the box, and forward signals to it."""

    def pass_on(number: int, frame: object) -> None:
        if inner := first(process.pid):
            os.kill(inner, number)

    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    code = process.wait()
    return 128 - code if code < 0 else code


def main() -> int:
    """Run the command of the command line in a box; return its exit code, or 2 where that cannot be."""
    if line := requirements.missing():
        print(f"box: {line}", file=sys.stderr)
        return 2
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
