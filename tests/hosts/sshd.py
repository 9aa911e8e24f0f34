"""A real OpenSSH server on loopback, with keys of its own."""

import getpass
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/lib/ssh")
CONFIG = """
ListenAddress {address}
Port {port}
HostKey {host_key}
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
MaxSessions 100
LogLevel ERROR
{more}
"""


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """Make a key pair; return the public key as "type base64"."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def free_port(address: str) -> int:
    with socket.socket() as listener:
        listener.bind((address, 0))
        return int(listener.getsockname()[1])


@dataclass
class Sshd:
    address: str
    port: int
    host_key: str
    client_key: Path
    process: "subprocess.Popen[bytes]"

    @property
    def user(self) -> str:
        return getpass.getuser()

    def known_hosts(self, folder: Path) -> Path:
        path = folder / "known_hosts"
        path.write_text(f"[{self.address}]:{self.port} {self.host_key}\n")
        return path

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def start(folder: Path, *, address: str = "127.0.0.1", port: int = 0, kind: str = "ed25519", more: str = "") -> Sshd:
    """Start sshd and wait until it listens; `folder`: empty, for its files."""
    assert SSHD is not None
    if sys.platform == "linux":
        with suppress(PermissionError):  # where sshd as root wants its folder of privilege separation
            Path("/run/sshd").mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    host_key = make_key(folder / "host_key", kind)
    (folder / "authorized_keys").write_text(make_key(folder / "client_key") + "\n")
    port = port or free_port(address)
    config = folder / "sshd_config"
    config.write_text(CONFIG.format(address=address, port=port, host_key=folder / "host_key", folder=folder, more=more))
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)])
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((address, port), 1):
            return Sshd(address, port, host_key, folder / "client_key", process)
        time.sleep(0.02)
    process.terminate()
    raise AssertionError("sshd does not listen")
