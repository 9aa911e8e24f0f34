"""The database servers of a rehearsal: reached by their sockets, gone when their part ends."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rehearsal.foreign import mariadb, postgresql
from rehearsal.installation import ROOT


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder of which no parent is closed to other users, as those of pytest are."""
    with tempfile.TemporaryDirectory(prefix="db", dir="/tmp") as name:
        yield Path(name)


@contextmanager
def part(top: Path, name: str) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", f"rehearsal.foreign.{name}", "--folder", str(top / "p"), "--names", "default,other"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield json.loads(process.stdout.readline())[name]
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.skipif(postgresql.installed() is None, reason="there is no PostgreSQL of the distribution here")
def test_postgresql_serves_a_database_for_each_name_and_ends(top: Path) -> None:
    with part(top, "postgresql") as reached:
        for name in ("default", "other"):
            with psycopg.connect(host=reached["host"], user=reached["user"], dbname=name) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not (top / "p/data/postmaster.pid").exists()


@pytest.mark.skipif(mariadb.installed() is None, reason="there is no MariaDB of the distribution here")
def test_mariadb_serves_a_database_for_each_name_and_ends(top: Path) -> None:
    with part(top, "mariadb") as reached:
        for name in ("default", "other"):
            client = ["mariadb", "--no-defaults", f"--socket={reached['host']}", f"--user={reached['user']}", name]
            subprocess.run([*client, "--execute", "CREATE TABLE a (b INT)"], check=True)
        process = int((top / "p/pid").read_text())
    assert not Path(f"/proc/{process}").exists()
