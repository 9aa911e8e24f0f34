"""A MariaDB server of the rehearsal's own, from the distribution, on a Unix socket, or for machines at an address.

`python -m rehearsal.foreign.mariadb --folder F --names a,b` prints a line of JSON, and serves until its standard input ends.
"""

import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..part import NotServing
from .serving import USER, owner, serve

PATH = "/usr/sbin:/usr/bin:/usr/local/bin"
PATIENCE = 60.0  # seconds
# The disk is thrown away in the end.
OPTIONS = ("--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--max-connections=400")


def installed() -> str | None:
    """Return the server of the distribution."""
    return shutil.which("mariadbd", path=PATH)


@contextmanager
def server(folder: Path, names: Sequence[str], address: str = "") -> Iterator[dict[str, str]]:
    """Serve databases of these names, and yield how they are reached. `address`: for machines. Raises NotServing."""
    program, installer = installed(), shutil.which("mariadb-install-db", path=PATH)
    if program is None or installer is None:
        raise NotServing("the site has MySQL or MariaDB: apt install mariadb-server")
    folder.mkdir()
    who = owner(folder, "mysql")
    log = folder / "said"
    with log.open("w") as said:
        command = [installer, "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
        done = subprocess.run(command, **who, cwd=folder, stdout=said, stderr=said, check=False)
    if done.returncode != 0:
        raise NotServing(f"`mariadb-install-db` exited {done.returncode}: {' '.join(log.read_text().split())}")
    password = secrets.token_hex(16) if address else ""
    user = f"{USER}@'%'" if address else f"{USER}@localhost"
    lines = [f"CREATE USER {user} IDENTIFIED BY '{password}'", f"GRANT ALL ON *.* TO {user}"]
    lines += [f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4" for name in names]
    (folder / "first.sql").write_text("".join(f"{line};\n" for line in lines), encoding="utf-8")
    process = _start(program, folder, who, [f"--bind-address={address}"] if address else ["--skip-networking"])
    try:
        _wait(process, folder)
        yield {"host": address or str(folder / "s"), "user": USER, "password": password}
    finally:
        process.kill()
        process.wait()


def _start(program: str, folder: Path, who: dict[str, Any], more: Sequence[str]) -> "subprocess.Popen[bytes]":
    places = [f"--datadir={folder}/data", f"--socket={folder}/s", f"--pid-file={folder}/pid", f"--init-file={folder}/first.sql"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen([program, "--no-defaults", *places, *OPTIONS, *more], **who, cwd=folder, stdout=log, stderr=log)


def _wait(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until it serves; raises NotServing with what it said last."""
    end = time.monotonic() + PATIENCE
    while "ready for connections" not in (text := (folder / "log").read_text(encoding="utf-8", errors="replace")):
        if process.poll() is not None or time.monotonic() > end:
            raise NotServing(f"`mariadbd` does not serve: {' '.join(text.splitlines()[-3:])}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(serve(__doc__, "mariadb", server))
