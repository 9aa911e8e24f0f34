"""A PostgreSQL server of the rehearsal's own, from the distribution, on a Unix socket, or for machines at an address.

`python -m rehearsal.foreign.postgresql --folder F --names a,b` prints a line of JSON, and serves until its standard input ends.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..part import NotServing
from .serving import USER, owner, serve

BINARIES = Path("/usr/lib/postgresql")
PATIENCE = 60  # seconds
# The disk is thrown away in the end.
SETTINGS = {"fsync": "off", "max_connections": "400"}


def installed() -> Path | None:
    """Return the folder of the newest PostgreSQL of the distribution."""
    found = sorted(BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0)
    return found[-1].parent if found else None


@contextmanager
def server(folder: Path, names: Sequence[str], address: str = "") -> Iterator[dict[str, str]]:
    """Serve databases of these names, and yield how they are reached. `address`: for machines. Raises NotServing."""
    binaries = installed()
    if binaries is None:
        raise NotServing("the site has PostgreSQL: apt install postgresql")
    folder.mkdir()
    # PostgreSQL refuses to run as root.
    who = owner(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        log = folder / "said"
        with log.open("w") as said:
            done = subprocess.run(command, **who, cwd=folder, env=environment, stdout=said, stderr=said, check=False)
        if done.returncode != 0:
            raise NotServing(f"`{program}` exited {done.returncode}: {' '.join(log.read_text().split())}")

    run("initdb", f"--pgdata={folder}/data", f"--username={USER}", "--auth=trust", "--no-sync", "--encoding=UTF8")
    if address:
        with (folder / "data/pg_hba.conf").open("a", encoding="ascii") as rules:
            rules.write("host all all all scram-sha-256\n")
    places = {"unix_socket_directories": str(folder), "listen_addresses": f"'{address}'"}
    options = " ".join(f"-c {name}={value}" for name, value in {**SETTINGS, **places}.items())
    control = [f"--pgdata={folder}/data", "--wait", f"--timeout={PATIENCE}"]
    run("pg_ctl", *control, f"--log={folder}/log", f"--options={options}", "start")
    try:
        for name in names:
            run("createdb", f"--host={folder}", f"--username={USER}", name)
        yield _protected(run, folder, address) if address else {"host": str(folder), "user": USER, "password": ""}
    finally:
        run("pg_ctl", *control, "--mode=immediate", "stop")


def _protected(run: Callable[..., None], folder: Path, address: str) -> dict[str, str]:
    """Give the user a password, and return how machines reach the server."""
    password = secrets.token_hex(16)
    script = folder / "password.sql"
    script.write_text(f"ALTER USER {USER} PASSWORD '{password}';\n", encoding="ascii")
    run("psql", f"--host={folder}", f"--username={USER}", "--quiet", f"--file={script}", "postgres")
    script.unlink()
    return {"host": address, "user": USER, "password": password}


if __name__ == "__main__":
    sys.exit(serve(__doc__, "postgresql", server))
