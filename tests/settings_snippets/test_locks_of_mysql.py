"""The locks that MySQL and MariaDB hold while a table is changed, as they themselves say it, and what the rules say of them."""

import importlib.util
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from settings_snippets.django.migration_rules import Column, Server, Step, Table, verdicts
from settings_snippets.django.migration_rules.sql import read_sql
from tests.settings_snippets import mariadb, mysql

LATE = 1205  # ER_LOCK_WAIT_TIMEOUT
PATIENCE = 60.0
TABLES = (
    "CREATE TABLE author (id bigint PRIMARY KEY)",
    "CREATE TABLE book (id bigint PRIMARY KEY, author_id bigint NULL, title varchar(40) NOT NULL)",
    "INSERT INTO author VALUES (1)",
    "INSERT INTO book VALUES (1, 1, 'x')",
)
REFER = "ALTER TABLE book ADD CONSTRAINT f FOREIGN KEY (author_id) REFERENCES author (id)"

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("MySQLdb"), reason="no driver for MySQL and MariaDB here: pip install mysqlclient"
)


KINDS = {"MariaDB": mariadb.Server, "MySQL": mysql.Server}


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[mariadb.Server]:
    kind = KINDS[request.param]
    if not kind.program or (kind is mariadb.Server and not mariadb.INSTALLER):
        pytest.skip(f"no {request.param} here")
    with mariadb.server(kind, *kind.shows_locks) as it:
        yield it


def connected(server: mariadb.Server) -> Any:
    import MySQLdb

    found = MySQLdb.connect(host="127.0.0.1", port=server.port, user="shop", database="shop")
    found.autocommit(True)
    return found


def asked(connection: Any, *statements: str) -> list[Any]:
    cursor = connection.cursor()
    for one in statements:
        cursor.execute(one)
    return list(cursor.fetchall())


def refusal(connection: Any, statement: str) -> int:
    """Return the number of the error when a statement waits for more than a second; 0 without one."""
    import MySQLdb

    try:
        asked(connection, "SET lock_wait_timeout = 1", statement)
    except MySQLdb.Error as error:
        return int(error.args[0])
    return 0


@contextmanager
def waiting_for_a_reader(server: mariadb.Server, statement: str) -> Iterator[tuple[Any, int]]:
    """Run a statement that changes `book` while somebody reads there; yield a connection, and who waits."""
    with closing(connected(server)) as reader, closing(connected(server)) as changing, closing(connected(server)) as third:
        asked(third, "DROP TABLE IF EXISTS book, author", *TABLES)
        asked(reader, "BEGIN", "SELECT * FROM book")
        thread = threading.Thread(target=asked, args=(changing, statement))
        number = changing.thread_id()
        thread.start()
        state, deadline = "", time.monotonic() + PATIENCE
        try:
            while "metadata lock" not in state:
                assert time.monotonic() < deadline, state
                state = str(asked(third, f"SELECT state FROM information_schema.processlist WHERE id = {number}"))
                time.sleep(0.02)
            yield third, number
        finally:
            asked(reader, "ROLLBACK")
            thread.join(PATIENCE)


def test_what_a_new_foreign_key_refers_to_takes_no_writes_meanwhile(server: mariadb.Server) -> None:
    # Its rows are copied by now: only to take the place of the table it has to wait for the reader.
    with waiting_for_a_reader(server, REFER) as (third, number):
        held = asked(
            third,
            "SELECT lock_type FROM performance_schema.metadata_locks l JOIN performance_schema.threads t"
            f" ON t.thread_id = l.owner_thread_id WHERE t.processlist_id = {number} AND object_name = 'author'"
            " AND lock_status = 'GRANTED'",
        )
        # MariaDB, MySQL.
        assert {("SHARED_NO_WRITE",), ("SHARED_READ_ONLY",)} & set(held)
        assert refusal(third, "INSERT INTO author VALUES (2)") == LATE
        assert refusal(third, "SELECT * FROM author") == 0


def test_a_reader_holds_up_even_what_is_instant_and_all_who_come_then(server: mariadb.Server) -> None:
    with waiting_for_a_reader(server, "ALTER TABLE book ALTER title SET DEFAULT 'y'") as (third, _):
        assert refusal(third, "SELECT * FROM book") == LATE
        with closing(connected(server)) as other:
            assert refusal(other, "ALTER TABLE book ALTER title DROP DEFAULT") == LATE


OLD = {
    "author": Table("author", {"id": Column("id", type="integer AUTO_INCREMENT", null=False, primary=True, default=True)}),
    "book": Table(
        "book",
        {
            "title": Column("title", type="varchar(40)", null=False),
            "author_id": Column("author_id", type="integer", references="author.id"),
        },
    ),
}


@pytest.mark.parametrize(
    ("sql", "verdict", "locks"),
    [
        ("alter table book modify title varchar(60) not null", "compatible", ("", "", "")),
        ("alter table book modify title varchar(80) not null", "compatible", ("book", "book", "")),
        ("alter table book modify title varchar(60) not null, lock=none", "compatible", ("", "", "")),
        ("alter table book modify title varchar(80) not null, lock=none", "review", ("book", "book", "")),
        ("alter table book modify title varchar(60) not null, algorithm=copy", "review", ("", "", "")),
        ("alter table book modify author_id bigint null", "review", None),
        ("alter table author modify id bigint not null auto_increment", "review", None),
        ("alter table book add foreign key (author_id) references author (id)", "incompatible", None),
        ("alter table book add fulltext key (title)", "compatible", ("book", "book", "book")),
        ("alter table book engine=myisam", "review", ("", "", "")),
    ],
)
def test_what_is_said_of_sql(sql: str, verdict: str, locks: tuple[str, str, str] | None) -> None:
    step = Step("shop", "0002", "Raw SQL operation", tuple(read_sql(sql, "mysql")), ())
    servers = Server(version=(8, 4, 0)), Server(mariadb=True, version=(10, 11, 6)), Server(mariadb=True, version=(11, 4, 2))
    found = [verdicts(OLD, [step], "mysql", server=one)[0] for one in servers]
    worse = [one.verdict for one in found if one.verdict != verdict]
    # Where MariaDB copies while others write, LOCK=NONE is no reason for a refusal.
    assert worse in ([], ["compatible"] if sql.endswith("lock=none") else [])
    for one, table in zip(found, locks or (), strict=False):
        assert f"writes of {table} wait (LOCK=SHARED)" in one.locks if table else not one.locks
