"""What stands beside the machines in a box: a PostgreSQL server as RDS, and the site's git repository.

`python -m rehearsal.hosts.machines.services --origin FOLDER --address A [--database]` prints one line of JSON with the URLs when
they answer, and serves until its standard input ends. The database's files lie in the box's /run, in memory, and vanish with it.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ...part import NotServing, serve
from . import requirements

USER = "postgres"  # of the system: PostgreSQL refuses to be run by root
FOLDER = Path("/run/database")
SETTINGS = {
    "listen_addresses": "*",
    "unix_socket_directories": str(FOLDER),
    # Web hosts open a connection for each request under way.
    "max_connections": "400",
    "shared_buffers": "64MB",
    "fsync": "off",
}
PATIENCE = 60.0  # seconds


@contextmanager
def database(address: str) -> Iterator[str]:
    """Run a PostgreSQL server and yield the URL of an empty database. Raises NotServing."""
    binaries = max(requirements.POSTGRESQL.glob("*/bin"), key=lambda path: float(path.parent.name))
    password = secrets.token_hex(16)
    FOLDER.mkdir(mode=0o700)
    secret = FOLDER / "password"
    secret.write_text(password, encoding="ascii")
    _run("chown", "--recursive", USER, str(FOLDER))
    data = FOLDER / "data"
    made = ["--username=shop", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]
    _run(str(binaries / "initdb"), f"--pgdata={data}", *made, user=USER)
    secret.unlink()
    with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
        rules.write("host all all all scram-sha-256\n")
    options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
    control = [str(binaries / "pg_ctl"), f"--pgdata={data}", "--wait", f"--timeout={PATIENCE:.0f}"]
    _run(*control, f"--log={FOLDER / 'log'}", f"--options={options}", "start", user=USER)
    try:
        _run(str(binaries / "createdb"), f"--host={FOLDER}", "--username=shop", "shop", user=USER, password=password)
        yield f"postgresql://shop:{password}@{address}:5432/shop"
    finally:
        _run(*control, "--mode=immediate", "stop", user=USER)


@contextmanager
def origin(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder's git repositories and yield the URL of `origin.git` in it. Raises NotServing."""
    command = ["git", "daemon", "--export-all", f"--base-path={folder}", "--reuseaddr", str(folder)]
    # Of another owner's repository git shows nothing.
    trusting = os.environ | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
    url = f"git://{address}/origin.git"
    with subprocess.Popen(command, env=trusting, stdin=subprocess.DEVNULL) as daemon:
        try:
            _wait_for(["git", "ls-remote", url], daemon)
            yield url
        finally:
            daemon.terminate()


def _wait_for(probe: Sequence[str], process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while (done := subprocess.run(probe, capture_output=True, text=True, check=False)).returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            raise NotServing(f"`{' '.join(probe)}` does not work: {done.stderr.strip()}")
        time.sleep(0.05)


def _run(*command: str, user: str | None = None, password: str = "") -> None:
    environment = {"PATH": requirements.search_path(), "LC_ALL": "C.UTF-8", "PGPASSWORD": password}
    done = subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        env=environment,
        cwd="/",
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotServing(f"`{' '.join(command)}` exited {done.returncode}: {done.stderr.strip()}")


@contextmanager
def _wanted(folder: Path, address: str, has_database: bool) -> Iterator[Mapping[str, object]]:
    with ExitStack() as stack:
        urls = {"database": stack.enter_context(database(address))} if has_database else {}
        yield urls | {"origin": stack.enter_context(origin(folder, address))}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.hosts.machines.services", description=__doc__)
    parser.add_argument("--origin", type=Path, required=True, help="the folder in which origin.git lies")
    parser.add_argument("--address", required=True, help="where the machines reach this box")
    parser.add_argument("--database", action="store_true", help="with the database of the shop")
    args = parser.parse_args(arguments)
    return serve(_wanted(args.origin, args.address, args.database))


if __name__ == "__main__":
    sys.exit(main())
