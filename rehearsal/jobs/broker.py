"""The broker of the workers: a Redis server of the distribution, or kombu's filesystem transport where none is installed.

`python -m rehearsal.jobs.broker --folder F --address A` prints a line of JSON, and serves until its standard input ends.
"""

import argparse
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..part import NotServing, serve

PORT = 6379
PATIENCE = 30.0  # seconds
SERVER = "redis-server"
# The disk is thrown away in the end; nothing is written there.
SETTINGS = {"save": "", "appendonly": "no", "daemonize": "no"}


def missing() -> str:
    """Return in one line which library is missing, or ""."""
    return "" if find_spec("celery") else "--group workers needs celery: pip install 'celery[redis]'"


def description(broker: str) -> str:
    """Say in words which broker a URL is of."""
    return (
        f"Redis at {broker.rpartition('@')[2]}"
        if broker.startswith("redis:")
        else f"kombu's filesystem transport, for there is no {SERVER} here"
    )


def transport(folder: Path) -> dict[str, Any]:
    """Return the options of the filesystem transport: every worker takes messages out of the folder into which they are put."""
    return {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}


@contextmanager
def serving(folder: Path, address: str) -> Iterator[Mapping[str, str]]:
    """Serve, and yield the URLs of broker and results, and the folder of the messages. Raises NotServing."""
    if shutil.which(SERVER) and find_spec("redis"):
        with _redis(folder, address) as url:
            yield {"broker": url, "results": url, "messages": ""}
        return
    messages, results = folder / "messages", folder / "results"
    for made in (messages / "control", results):
        made.mkdir(parents=True)
    yield {"broker": "filesystem://", "results": f"file://{results}", "messages": str(messages)}


@contextmanager
def _redis(folder: Path, address: str) -> Iterator[str]:
    folder.mkdir()
    # Another user of the machine could send tasks to the site's workers. By standard input: a command line is seen by all.
    password = secrets.token_hex(16)
    settings = {**SETTINGS, "bind": address, "port": str(PORT), "dir": str(folder), "requirepass": password}
    log = folder / "said"
    with log.open("wb") as said:
        server = subprocess.Popen([SERVER, "-"], stdin=subprocess.PIPE, stdout=said, stderr=said)
    try:
        assert server.stdin is not None
        with suppress(BrokenPipeError), server.stdin as lines:
            lines.write("".join(f'{name} "{value}"\n' for name, value in settings.items()).encode())
        deadline = time.monotonic() + PATIENCE
        while not _answers(address, password):
            if server.poll() is not None or time.monotonic() > deadline:
                raise NotServing(f"{SERVER} does not serve: {' '.join(log.read_text().split())[-300:]}")
            time.sleep(0.05)
        yield f"redis://:{password}@{address}:{PORT}/0"
    finally:
        # Nothing is kept.
        server.kill()
        server.wait()


def _answers(address: str, password: str) -> bool:
    try:
        with socket.create_connection((address, PORT), 1) as connection:
            connection.sendall(f"AUTH {password}\r\n".encode())
            return connection.recv(64).startswith(b"+OK")
    except OSError:
        return False


@contextmanager
def _jobs(folder: Path, address: str) -> Iterator[Mapping[str, object]]:
    with serving(folder, address) as urls:
        yield {"jobs": urls}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.jobs.broker", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--address", required=True)
    args = parser.parse_args(arguments)
    return serve(_jobs(args.folder, args.address))


if __name__ == "__main__":
    sys.exit(main())
