"""The verdicts against the truth on MariaDB: the cases of all databases as far as MariaDB knows their words, and its own.

Those in which it is unlike PostgreSQL, and others that each run draws anew; all of them are a long proof.
"""

import importlib.util
import random
from typing import Any

import pytest

from tests.drawing import SEED
from tests.settings_snippets import mariadb
from tests.settings_snippets.migrations import held, mariadb_cases
from tests.settings_snippets.migrations.every_case import CASES

EVERY = {**CASES, **mariadb_cases.CASES}
# Where MariaDB is another than PostgreSQL, or the rules were wrong there.
CHOSEN = (
    "add column",
    "add nullable foreign key",
    "check: of what is positive",
    "larger key",
    "mariadb: change: another name and type",
    "mariadb: drop key that is unique",
    "mariadb: engine",
    "mariadb: foreign key",
    "mariadb: modify: a character set that has less",
    "mariadb: modify: another collation",
    "mariadb: modify: counts no longer",
    "mariadb: modify: NOT NULL",
    "mariadb: modify: NULL",
    "mariadb: modify: two columns, one of them smaller",
    "mariadb: modify: unique with another collation",
    "mariadb: modify: while others write",
    "mariadb: positive number becomes larger",
    "mariadb: strict no more",
    "mariadb: text that takes another byte for its length",
    "mariadb: unique with a collation that does not",
    "NULL",
    "no longer positive",
    "NOT NULL with default",
    "rename foreign key",
    "rolling: number",
    "rows: drop unique pair, one remains unique",
    "shorter text",
    "sql: reference of a new column",
    "unmanaged: required column",
    "unique under a condition",
)
DRAWN = random.Random(SEED).sample(sorted(EVERY.keys() - set(CHOSEN)), 40)

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
        return held.tell(server, wanted)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name in CHOSEN else pytest.mark.long) for name in EVERY])
def test_verdicts_and_locks_are_right(told: dict[str, Any], name: str) -> None:
    if lacks := told[name]["lacks"]:
        assert name not in CHOSEN, lacks
        pytest.skip(f"MariaDB: {lacks}")
    assert not held.wrong(told[name])
    assert not held.untold(told[name])


def test_no_verdict_on_others_that_are_drawn_does(told: dict[str, Any]) -> None:
    there = [name for name in DRAWN if not told[name]["lacks"]]
    found = {name: why for name in there if (why := held.wrong(told[name]) or held.untold(told[name]))}
    assert there and not found, f"drawn by TESTS_SEED={SEED}: {found}"
