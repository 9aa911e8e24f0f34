"""A PostgreSQL server of the rehearsal's own, from the distribution, on a Unix socket.

`python -m rehearsal.foreign.postgresql --folder F --names a,b` prints a line of JSON, and serves until its standard input ends.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BINARIES = Path("/usr/lib/postgresql")
USER = "rehearsal"
PATIENCE = 60  # seconds
# The disk is thrown away in the end.
SETTINGS = {"listen_addresses": "''", "fsync": "off", "max_connections": "200"}


class NotServing(Exception):
    """Say what did not start, and what it said."""


def installed() -> Path | None:
    """Return the folder of the newest PostgreSQL of the distribution."""
    found = sorted(BINARIES.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0)
    return found[-1].parent if found else None


@contextmanager
def server(folder: Path, names: Sequence[str]) -> Iterator[dict[str, str]]:
    """Serve databases of these names, and yield how they are reached. Raises NotServing."""
    binaries = installed()
    if binaries is None:
        raise NotServing("the site has PostgreSQL: apt install postgresql")
    folder.mkdir()
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root; its user has to get at its folder, through that of the rehearsal.
        who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        shutil.chown(folder, "nobody", "nogroup")
        folder.parent.chmod(folder.parent.stat().st_mode | 0o011)

    def run(program: str, *arguments: str) -> None:
        command = [str(binaries / program), *arguments]
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        log = folder / "said"
        with log.open("w") as said:
            done = subprocess.run(command, **who, cwd=folder, env=environment, stdout=said, stderr=said, check=False)
        if done.returncode != 0:
            raise NotServing(f"`{program}` exited {done.returncode}: {' '.join(log.read_text().split())}")

    run("initdb", f"--pgdata={folder}/data", f"--username={USER}", "--auth=trust", "--no-sync", "--encoding=UTF8")
    options = " ".join(f"-c {name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": str(folder)}.items())
    control = [f"--pgdata={folder}/data", "--wait", f"--timeout={PATIENCE}"]
    run("pg_ctl", *control, f"--log={folder}/log", f"--options={options}", "start")
    try:
        for name in names:
            run("createdb", f"--host={folder}", f"--username={USER}", name)
        yield {"host": str(folder), "user": USER}
    finally:
        run("pg_ctl", *control, "--mode=immediate", "stop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.foreign.postgresql", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--names", required=True)
    args = parser.parse_args(arguments)
    try:
        with server(args.folder, args.names.split(",")) as reached:
            print(json.dumps({"postgresql": reached}), flush=True)
            while os.read(sys.stdin.fileno(), 4096):
                continue
    except (NotServing, OSError) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
