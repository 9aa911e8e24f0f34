"""The databases of somebody's site in a rehearsal: its own SQLite files, or a server of the distribution."""

import shutil
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path, PurePath
from typing import Any

from ..sandbox import Refusal
from .commands import git

# What the server is called, and its module, by words of the engines that it serves.
SERVERS = {"PostgreSQL": ("postgresql", ("postgresql", "postgis", "psycopg")), "MariaDB": ("mariadb", ("mysql", "mariadb"))}


def server_of(engine: str) -> str:
    """Return the name of the server for an engine; "" for a file of SQLite. Raises Refusal for what a rehearsal has not."""
    found = next((name for name, (_, words) in SERVERS.items() if any(word in engine.lower() for word in words)), "")
    if not found and not _is_file(engine):
        raise Refusal(f"the database is {engine}: a rehearsal has SQLite, PostgreSQL and MariaDB")
    return found


def _is_file(engine: str) -> bool:
    return "sqlite" in engine.lower() or "spatialite" in engine.lower()


def parts(databases: Mapping[str, Sequence[str]], top: Path, address: str = "") -> Sequence[tuple[str, Sequence[str]]]:
    """Return the servers that have to run: a name, and a command that prints endpoints as a line of JSON.

    `address`: where machines reach them; "": on a socket, for processes.
    """
    names: dict[str, list[str]] = {}
    for alias, (engine, _) in databases.items():
        names.setdefault(server_of(engine), []).append(alias)
    where = ["--address", address] if address else []
    own = [sys.executable, "-m"]
    return [
        (name, [*own, f"{__package__}.{module}", "--folder", str(top / module), "--names", ",".join(names[name]), *where])
        for name, (module, _) in SERVERS.items()
        if name in names
    ]


def settings(alias: str, engine: str, shared: PurePath, endpoints: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what DATABASES has for an alias besides its engine; raises Refusal."""
    name = server_of(engine)
    if not name:
        # Readers and a writer of several hosts at once: they share the file as they would share a database server.
        return {"NAME": _file(alias, shared), "OPTIONS": {"timeout": 20}}
    server = endpoints[SERVERS[name][0]]
    reached = {
        "HOST": server["host"],
        "PORT": "",
        "USER": server["user"],
        "PASSWORD": server["password"],
        "OPTIONS": {"connect_timeout": 5},
    }
    return {"NAME": alias, **reached}


def bring(databases: Mapping[str, Sequence[str]], own: str, shared: Path, checkout: Path, later: Path) -> None:
    """Make the files of SQLite, that of the project's development copied if the old release knows all of its migrations.

    Args: own: that file, or "". checkout, later: the old release, and the new one.
    """
    for alias, (engine, file) in databases.items():
        if server_of(engine):
            continue
        target = Path(_file(alias, shared))
        if file and own.endswith(file):
            _copy(own, target)
            if _unknown(target, checkout, later):
                target.unlink()
        with closing(sqlite3.connect(target)) as made:
            # It stays in the file: readers do not wait for a writer.
            made.execute("PRAGMA journal_mode=WAL")


def _file(alias: str, shared: PurePath) -> str:
    return str(shared / f"database/{alias}.sqlite3")


def _copy(own: str, target: Path) -> None:
    # As files: even a reader of it would write files beside it.
    for end in ("", "-wal"):
        if Path(f"{own}{end}").is_file():
            shutil.copyfile(f"{own}{end}", f"{target}{end}")


def _unknown(database: Path, checkout: Path, later: Path) -> bool:
    """Return whether a database has migrations that the old release does not know: it is that of a later one."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            applied = set(connection.execute("SELECT app, name FROM django_migrations"))
        except sqlite3.DatabaseError:
            return True
    files = git(checkout, "ls-files", "*/migrations/*.py").splitlines()
    more = set(git(later, "ls-files", "*/migrations/*.py").splitlines()) - set(files)
    return any((Path(name).parents[1].name, Path(name).stem) in applied for name in more)
