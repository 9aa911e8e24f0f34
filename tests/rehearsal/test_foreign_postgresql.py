"""The PostgreSQL server of a rehearsal: reached by its socket, gone when its part ends."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rehearsal.foreign.postgresql import installed
from rehearsal.installation import ROOT


@pytest.fixture
def top() -> Iterator[Path]:
    """A folder of which no parent is closed to other users, as those of pytest are."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as name:
        yield Path(name)


@pytest.mark.skipif(installed() is None, reason="there is no PostgreSQL of the distribution here")
def test_it_serves_a_database_for_each_name_and_ends(top: Path) -> None:
    folder = top / "p"
    command = [sys.executable, "-m", "rehearsal.foreign.postgresql", "--folder", str(folder), "--names", "default,other"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as part:
        assert part.stdin and part.stdout
        reached = json.loads(part.stdout.readline())["postgresql"]
        for name in ("default", "other"):
            with psycopg.connect(host=reached["host"], user=reached["user"], dbname=name) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        part.stdin.close()
        assert part.wait(60) == 0
    assert not (folder / "data/postmaster.pid").exists()
