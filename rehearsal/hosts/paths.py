"""The folders of one process host, and the environment of its processes.

<directory>/instances/<id>/disk      the home of the SSH user: what an image copies
<directory>/instances/<id>/          bin/ stand-ins, ssh_host_ed25519_key, console.log, journal/: outside of the disk
<run>/<id>/                          /run: sockets; a short path, since the path of a socket has 107 bytes; gone at power off
"""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .reaper import VARIABLE

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Place:
    """One instance's folders, address and marks."""

    instance_id: str
    address: str
    root: Path
    run: Path
    token: str
    user: str = "admin"

    @property
    def home(self) -> Path:
        """The disk."""
        return self.root / "disk"

    @property
    def bin(self) -> Path:
        """The stand-ins for sudo, systemctl and what must not reach the real machine."""
        return self.root / "bin"

    @property
    def host_key(self) -> Path:
        """The private host key."""
        return self.root / "ssh_host_ed25519_key"

    @property
    def control(self) -> Path:
        """The socket on which the init listens for systemctl."""
        return self.run / ".init"

    @property
    def hostname(self) -> str:
        """The EC2 host name of an address."""
        return f"ip-{self.address.replace('.', '-')}"

    def mark(self, unit: str = "") -> str:
        """Return the prefix that the marks of all its processes share, or those of one unit."""
        return f"{self.token}/{self.instance_id}/{unit}/" if unit else f"{self.token}/{self.instance_id}/"

    def journal(self, unit: str) -> Path:
        """Return the file of what a unit printed."""
        return self.root / "journal" / unit

    def environment(self, unit: str = "session") -> dict[str, str]:
        """Return a login's environment: nothing of the rehearsal's own (credentials, virtual environment) shines through."""
        git = str(Path(shutil.which("git") or "/usr/bin/git").parent)
        path = SYSTEM_PATH if git in SYSTEM_PATH.split(":") else f"{SYSTEM_PATH}:{git}"
        return {
            "HOME": str(self.home),
            "USER": self.user,
            "LOGNAME": self.user,
            "SHELL": "/bin/bash",
            "LANG": "C.UTF-8",
            "PATH": f"{self.bin}:{path}",
            "XDG_RUNTIME_DIR": str(self.run),
            VARIABLE: self.mark(unit),
        }

    def print(self, line: str) -> None:
        """Print a line on the console."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "console.log").open("a", encoding="utf-8") as console:
            console.write(f"{line}\n")

    def note(self, unit: str, line: str) -> None:
        """Write a line of the init's own into a unit's journal."""
        self.journal(unit).parent.mkdir(parents=True, exist_ok=True)
        with self.journal(unit).open("a", encoding="utf-8") as journal:
            journal.write(f"{datetime.now(UTC):%b %d %H:%M:%S} {self.hostname} systemd[1]: {line}\n")
