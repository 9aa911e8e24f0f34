"""The operator: user, process and machine."""

from __future__ import annotations

import os
from pathlib import Path


def who() -> str:
    """Return user and host, for people to read."""
    # Imported when needed: they cost `--list` more than the rest of this module.
    import getpass
    import socket

    return f"{getpass.getuser()}@{socket.gethostname()}"


def machine() -> str:
    """Return an id of this boot and pid namespace, in which process ids can be compared; "" where unknown.

    A host's name would not do: containers and cloned machines share theirs.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Return whether a process of this machine exists, of any user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
