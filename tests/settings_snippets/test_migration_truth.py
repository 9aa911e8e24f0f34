"""The verdicts against the truth: what the old release's models meet on the new schema, on PostgreSQL.

A choice of the cases by default, with an example of everything; all of them are a long proof.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from settings_snippets.django.migration_rules import Column, Constraint, Effect, Step, Table, verdicts
from settings_snippets.django.migration_rules.sql import read_sql
from tests.settings_snippets import postgresql
from tests.settings_snippets.migrations.every_case import CASES, CHOSEN, kinds

ROOT = Path(__file__).parents[2]
# Rightly so, although nothing fails here: between two migrations of the plan old code would; the second row of new code would not
# let old code change the first one; it deletes other rows than it means to.
ALARMS = {"add and drop", "exclusion with a new nullable column", "database does otherwise on delete"}
# And what the rows here do not try: to swap what is unique at the end of a transaction, to search by another collation, to make a
# row of new code like another, to read what was in a column before.
ALARMS |= {"unique: at once again", "unique: where a new column is true, by default False"}
ALARMS |= {"collation: not all texts apart", "collation: not all texts apart, unique", "collation: all texts apart again"}
ALARMS |= {"back: two columns under each other's name", "back: without what was in a column"}
# Indexes that are no longer there when the migration ends, a NOT NULL that was there before it, and rows that are all NULL, which
# PostgreSQL looks through only where the foreign key is not in the definition of the column.
UNSEEN = {"rows: foreign key that is made and dropped", "rows: NULL and back", "sql: foreign key of a new column"}

pytestmark = pytest.mark.skipif(not postgresql.INSTALLED, reason="PostgreSQL is not installed")


EACH = [pytest.param(name, marks=[] if name in CHOSEN else pytest.mark.long) for name in CASES]


@pytest.fixture(scope="module")
def told(request: pytest.FixtureRequest) -> dict[str, Any]:
    # What is wanted of this file, and the choice, which is small.
    wanted = [
        item.callspec.params["name"] for item in request.session.items if item.path == request.path and hasattr(item, "callspec")
    ]
    ignored = ["-W", "error", "-W", "ignore:'index_together'"]
    with postgresql.cluster() as cluster:
        done = subprocess.run(
            [sys.executable, *ignored, "-m", "tests.settings_snippets.migrations.truth", str(cluster.folder)],
            cwd=ROOT,
            input=json.dumps(sorted({*wanted, *CHOSEN})),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", EACH)
def test_no_verdict_lets_pass_what_fails(told: dict[str, Any], name: str) -> None:
    one = told[name]
    fails = one["failed"] or one["old"] or one["new"] or one["rows"]
    if fails:
        assert one["verdict"] in ("review", "incompatible"), fails
    elif one["opaque"] or name in ALARMS:
        assert one["verdict"] in ("review", "incompatible"), one["why"]
    else:
        assert one["verdict"] in ("none", "compatible"), one["why"]


# PostgreSQL, "Explicit Locking": what a sentence names, and what such a lock is called in pg_locks.
SENTENCE = re.compile(r"(reads and writes|writes) of ([\w ]+?) wait \((SHARE lock|SHARE ROW EXCLUSIVE|ACCESS EXCLUSIVE)\) while")
MODES = {"SHARE lock": "ShareLock", "SHARE ROW EXCLUSIVE": "ShareRowExclusiveLock", "ACCESS EXCLUSIVE": "AccessExclusiveLock"}


@pytest.mark.parametrize("name", EACH)
def test_the_locks_that_are_told_are_taken(told: dict[str, Any], name: str) -> None:
    one = told[name]
    if one["failed"] or one["opaque"] or name.startswith("concurrently") or name in UNSEEN:
        return
    taken = dict(one["taken"])
    work = taken.pop("work")
    assert bool(one["locks"]) == bool(work), (one["locks"], work)
    found = [match for sentence in one["locks"] for match in SENTENCE.findall(sentence)]
    said = {table: MODES[mode] for _, tables, mode in found for table in tables.split(" and ")}
    assert not work or said == taken


def test_the_choice_has_an_example_of_everything(told: dict[str, Any]) -> None:
    assert {kind for name in CHOSEN for kind in kinds(name)} == {kind for name in CASES for kind in kinds(name)}
    verdicts = {told[name]["verdict"] for name in CHOSEN}
    assert verdicts == {"none", "compatible", "review", "incompatible"}
    assert all(any(told[name][way] for name in CHOSEN) for way in ("failed", "old", "new", "rows", "locks"))


def test_where_no_release_uses_the_database_yet_nobody_has_to_look() -> None:
    unclear = Step("shop", "0001", "Raw Python operation", (Effect("opaque", text="unclear"),))
    assert verdicts({}, [unclear], "postgresql")[0].verdict == "compatible"
    used = {"shop_book": Table("shop_book", {"id": Column("id")})}
    assert verdicts(used, [unclear], "postgresql")[0].verdict == "review"


def test_an_index_that_is_dropped_by_its_name_may_be_a_unique_one() -> None:
    for sql, vendor in (("DROP INDEX u", "postgresql"), ("DROP INDEX u ON shop_book", "mysql")):
        found = {}
        for kind in ("unique", "index"):
            made = Constraint("u", kind, ("title",), detail="(title) WHERE pages > 0", as_index=True)
            used = {"shop_book": Table("shop_book", {"title": Column("title")}, (made,))}
            step = Step("shop", "0002", "Raw SQL operation", tuple(read_sql(sql, vendor)), ())
            found[kind] = verdicts(used, [step], vendor)[0]
        assert (found["unique"].verdict, found["index"].verdict) == ("review", "compatible")
        assert "duplicates that u on shop_book refused" in found["unique"].why


def test_an_index_on_expressions_is_told_by_its_table_alone() -> None:
    made = Constraint("i", "index", None, detail="(lower(title))", as_index=True)
    step = Step("shop", "0002", "Create index", (Effect("add_constraint", "shop_book", constraint=made),))
    used = {"shop_book": Table("shop_book", {"title": Column("title")})}
    told = verdicts(used, [step], "postgresql")[0].locks
    assert told == "writes of shop_book wait (SHARE lock) while the index on shop_book is built."


def test_both_roads_and_locks_are_told(told: dict[str, Any]) -> None:
    assert "INSERT leaves out shop_book.isbn" in " ".join(told["add column"]["why"])
    assert told["index"]["locks"] and "SHARE lock" in told["index"]["locks"][0]
    assert not told["concurrently: sql index"]["locks"] and not told["longer text"]["locks"]
    assert "rewritten" in told["larger number"]["locks"][0]
    assert told["forget column"]["new"] and "the new release fails" in " ".join(told["forget column"]["why"])
    assert "shop_author and shop_book wait (ACCESS EXCLUSIVE)" in told["foreign key that may be NULL"]["locks"][0]
    assert "SHARE ROW EXCLUSIVE" in told["foreign key that is enforced"]["locks"][0]
    if "database does CASCADE" in told:
        assert "shop_author and shop_book wait (ACCESS EXCLUSIVE)" in told["database does CASCADE"]["locks"][0]
        assert "can no longer delete from shop_author" in " ".join(told["database no longer does CASCADE"]["why"])
    assert told["options"]["verdict"] == told["help text"]["verdict"] == told["proxy model"]["verdict"] == "none"
