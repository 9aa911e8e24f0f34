"""A MariaDB server of the test's own, on a port of the loopback interface."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.settings_snippets.freezing import freeze

SERVER, INSTALLER = (shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin") for name in ("mariadbd", "mariadb-install-db"))
PATIENCE = 60.0
# Its files are thrown away: what a change of a table costs is waiting for the disk, most of all.
NO_DISK = ("--innodb-flush-method=nosync", "--skip-innodb-doublewrite", "--skip-sync-frm", "--innodb-log-file-size=8M")
MEMORY, ROOM = Path("/dev/shm"), 400e6  # bytes


class Server:
    """What the test may do to the server."""

    program = SERVER
    options = NO_DISK
    # Locks of metadata are kept in a table only where they are asked for.
    shows_locks = ("--performance-schema=ON", "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # MariaDB refuses to run as root.
        self._who: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        if self._who:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._run([INSTALLER, "--no-defaults", f"--datadir={self.folder}/data", "--auth-root-authentication-method=normal"])

    def _run(self, command: Any) -> None:
        subprocess.run(command, **self._who, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)

    def start(self, *more: str) -> None:
        users = [f"shop@{host}" for host in ("localhost", "127.0.0.1")]
        lines = ["CREATE DATABASE IF NOT EXISTS shop", *(f"CREATE USER IF NOT EXISTS {user}" for user in users)]
        lines += [f"GRANT ALL ON *.* TO {user}" for user in users]
        (self.folder / "init.sql").write_text("".join(f"{line};\n" for line in lines))
        options = [f"--datadir={self.folder}/data", f"--socket={self.folder}/s", f"--port={self.port}"]
        options += ["--bind-address=127.0.0.1", f"--init-file={self.folder}/init.sql", f"--pid-file={self.folder}/pid"]
        options += ["--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", *self.options, *more]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.program), "--no-defaults", *options], **self._who, cwd=self.folder, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while "ready for connections" not in (text := (self.folder / "log").read_text(errors="replace")):
            assert self._process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.05)

    def freeze(self) -> None:
        """Let it accept connections, as the kernel does for it, and never answer; open ones freeze too."""
        assert self._process
        freeze(self._process.pid)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)


def _has_room(folder: str | Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM


@contextmanager
def server(kind: type[Server] = Server, *options: str) -> Iterator[Server]:
    """Run a server, and remove it."""
    with tempfile.TemporaryDirectory(prefix="my", dir=MEMORY if _has_room(MEMORY) else None) as name:
        it = kind(Path(name))
        try:
            it.create()
            it.start(*options)
            yield it
        finally:
            it.stop()
