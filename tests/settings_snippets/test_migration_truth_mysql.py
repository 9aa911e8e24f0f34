"""The verdicts and the locks against the truth on MySQL itself, where there is one: the cases of MariaDB."""

import importlib.util

import pytest

from tests.settings_snippets import mariadb, mysql
from tests.settings_snippets.migrations import held, mariadb_cases
from tests.settings_snippets.migrations.every_case import CASES

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not mysql.SERVER, reason="no MySQL here: its mysqld in the PATH, for example of mysql-server-core of Debian sid"
    ),
    pytest.mark.skipif(not importlib.util.find_spec("MySQLdb"), reason="no driver for MySQL here: pip install mysqlclient"),
]


def test_verdicts_and_locks_are_right() -> None:
    with mariadb.server(mysql.Server) as server:
        told = held.tell(server, {**CASES, **mariadb_cases.CASES})
    there = [one for one in told.values() if not one["lacks"]]
    found = {one["name"]: why for one in there if (why := held.wrong(one) or held.untold(one))}
    assert len(there) > 400 and not found
