"""The verdicts against the truth on MariaDB: the cases of all databases as far as MariaDB knows their words, and its own.

Those in which it is unlike PostgreSQL, and others that each run draws anew; all of them are a long proof.
"""

import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.settings_snippets import mariadb
from tests.settings_snippets.migrations import mariadb_cases
from tests.settings_snippets.migrations.every_case import CASES

ROOT = Path(__file__).parents[2]
EVERY = {**CASES, **mariadb_cases.CASES}
# Where MariaDB is another than PostgreSQL, or the rules were wrong there.
CHOSEN = (
    "add column",
    "add nullable foreign key",
    "check: of what is positive",
    "larger key",
    "mariadb: drop key that is unique",
    "mariadb: positive number becomes larger",
    "mariadb: strict no more",
    "mariadb: unique with a collation that does not",
    "NULL",
    "no longer positive",
    "rolling: number",
    "rows: drop unique pair, one remains unique",
    "shorter text",
    "unmanaged: required column",
    "unique under a condition",
)
DRAWN = random.sample(sorted(EVERY.keys() - set(CHOSEN)), 40)
# Rightly so, although nothing fails here: between two migrations of the plan old code would; it deletes other rows than it means
# to; the name of an index alone does not say whether it is unique; the keys that are tried are small.
ALARMS = {"add and drop", "database does otherwise on delete", "mariadb: drop key", "mariadb: foreign key of another kind"}

pytestmark = [
    pytest.mark.skipif(not (mariadb.SERVER and mariadb.INSTALLER), reason="no MariaDB here: apt-get install mariadb-server"),
    pytest.mark.skipif(not importlib.util.find_spec("MySQLdb"), reason="no driver for MariaDB here: pip install mysqlclient"),
]


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> dict[str, Any]:
    wanted = [
        item.callspec.params["name"] for item in request.session.items if item.path == request.path and hasattr(item, "callspec")
    ]
    if any(item.path == request.path and not hasattr(item, "callspec") for item in request.session.items):
        wanted += DRAWN
    with mariadb.server() as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.settings_snippets.migrations.on_mariadb", str(server.port)],
            cwd=ROOT,
            input=json.dumps(sorted(set(wanted))),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def wrong(name: str, one: dict[str, Any]) -> str:
    """Return what a verdict has let pass, or why it is called unsafe though nothing fails; ""."""
    fails = one["failed"] or one["old"] or one["new"] or one["rows"]
    if fails or one["opaque"] or name in ALARMS:
        return "" if one["verdict"] in ("review", "incompatible") else f"{one['verdict']}, but: {fails or one['why']}"
    return "" if one["verdict"] in ("none", "compatible") else f"{one['verdict']}: {one['why']}"


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in CHOSEN else pytest.mark.long) for name in EVERY])
def test_no_verdict_lets_pass_what_fails(told: dict[str, Any], name: str) -> None:
    if lacks := told[name]["lacks"]:
        assert name not in CHOSEN, lacks
        pytest.skip(f"MariaDB: {lacks}")
    assert not wrong(name, told[name])


def test_no_verdict_on_others_that_are_drawn_does(told: dict[str, Any]) -> None:
    there = [name for name in DRAWN if not told[name]["lacks"]]
    assert there and not {name: why for name in there if (why := wrong(name, told[name]))}
