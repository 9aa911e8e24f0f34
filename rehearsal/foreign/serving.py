"""What the database servers of a rehearsal have in common: their owner, and how they serve as a part of it."""

import argparse
import os
import pwd
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from .. import part
from ..part import NotServing

USER = "rehearsal"
Server = Callable[[Path, Sequence[str], str], AbstractContextManager[dict[str, str]]]


def owner(folder: Path, account: str) -> dict[str, Any]:
    """Return as whom a server runs, for subprocess: it refuses to be root, and its user has to get at its folder.

    `account`: that of the distribution for it. No other user of the machine gets into the folder, and so at the socket, which
    asks for no password, nor into the rehearsal's, with its secrets: the server does as its group.
    """
    folder.chmod(0o700)
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        entry = pwd.getpwnam("nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    above = folder.parent.stat()
    if above.st_mode & 0o010 and above.st_gid not in (os.getegid(), entry.pw_gid):
        raise NotServing("a site on PostgreSQL and MariaDB at once cannot be rehearsed as root")
    os.chown(folder.parent, -1, entry.pw_gid)
    folder.parent.chmod(above.st_mode | 0o010)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def serve(description: str | None, name: str, server: Server, arguments: Sequence[str] | None = None) -> int:
    """Be a database server of these arguments as a part of a rehearsal; return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}.{name}", description=description)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--names", required=True)
    parser.add_argument(
        "--address", default="", help="where machines reach it, with a password; without it: a socket for us alone"
    )
    args = parser.parse_args(arguments)
    return part.serve(_named(name, server(args.folder, args.names.split(","), args.address)))


@contextmanager
def _named(name: str, server: AbstractContextManager[dict[str, str]]) -> Iterator[Mapping[str, object]]:
    with server as reached:
        yield {name: reached}
