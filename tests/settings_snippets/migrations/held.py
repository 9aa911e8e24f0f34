"""What was said of migrations on MySQL and MariaDB, held against what happened there."""

import json
import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.settings_snippets.mariadb import Server

_ROOT = Path(__file__).parents[3]
_WAIT = re.compile(r"writes of ([\w ]+?) wait \(LOCK=SHARED\) while")
_FILLED = re.compile(r"writes of rows of (\w+) that have NULL in")
# Rightly so, although nothing fails here: between two migrations of the plan old code would; it deletes other rows than it means
# to; the name of an index alone does not say whether it is unique; the keys that are tried are small; and with another collation
# old code finds other texts, which nobody looks for here. What is unique at the end of a transaction was never made.
ALARMS = {
    "add and drop",
    "back: and a column",
    "back: field keeps its column",
    "back: model keeps its table",
    "back: two columns under each other's name",
    "back: without what was in a column",
    "database does otherwise on delete",
    "mariadb: collation of a large text",
    "mariadb: collation of a text with an index",
    "mariadb: collation that tells cases apart",
    "mariadb: drop key",
    "mariadb: foreign key of another kind",
    "mariadb: modify: a character set that has more",
    "mariadb: modify: a collation of any character set",
    "mariadb: modify: another collation",
    "mariadb: unique with a collation that tells cases apart",
    "unique: at once again",
}
# MariaDB copies the table for some functions alone, uuid() among them. A table that is referred to while it bears another name.
_UNSURE = {"default: volatile", "back: model keeps its table"}


def tell(server: Server, names: Collection[str]) -> dict[str, Any]:
    """Try cases out on a server; return what was said and what happened, by name."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.settings_snippets.migrations.on_mariadb", str(server.port)],
        cwd=_ROOT,
        input=json.dumps(sorted(set(names))),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


def wrong(one: dict[str, Any]) -> str:
    """Return what a verdict has let pass, or why it is called unsafe though nothing fails; ""."""
    fails = one["failed"] or one["old"] or one["new"] or one["rows"]
    if fails or one["opaque"] or one["name"] in ALARMS:
        return "" if one["verdict"] in ("review", "incompatible") else f"{one['verdict']}, but: {fails or one['why']}"
    return "" if one["verdict"] in ("none", "compatible") else f"{one['verdict']}: {one['why']}"


def untold(one: dict[str, Any]) -> str:
    """Return how the tables of which writes wait differ from those that were said to; "" where they do not, or nobody can say."""
    if one["failed"] or one["opaque"] or one["name"] in _UNSURE:
        return ""
    used, text = set(one["used"]), " ".join(one["locks"])
    # A table that this migration makes is empty: who waits for its rows does not wait for long.
    ways = [(table, way) for table, way, of in one["ways"] if {table, of} <= used]
    told = {table for tables in _WAIT.findall(text) for table in tables.split(" and ")}, set(_FILLED.findall(text))
    taken = {table for table, way in ways if way.endswith("SHARED")}, {table for table, way in ways if way == "UPDATE"}
    return "" if told == taken else f"said: {told}, taken: {taken}, by {one['ways']}"
