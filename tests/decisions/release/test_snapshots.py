import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release.snapshots import Database, Snapshot, database_of, snapshot_name, snapshot_tags, to_use_again

REVISION = "c0ffee" + "0" * 34
NOW = 1_800_000_000.0
SNAPSHOT = Snapshot("ramped-shop-1", "available", NOW - 60, {"ramped:revision": REVISION})


def test_a_setting_names_an_instance_or_a_cluster() -> None:
    assert database_of("shop") == Database("shop", False) and str(database_of("shop")) == "database shop"
    assert database_of("cluster:shop") == Database("shop", True) and str(database_of("cluster:shop")) == "cluster shop"


@given(st.from_regex(r"[A-Za-z](?:-?[A-Za-z0-9]){0,61}", fullmatch=True))
def test_the_name_is_one_that_rds_takes(name: str) -> None:
    made = snapshot_name(Database(name, False), REVISION, NOW)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,254}", made) and "--" not in made and not made.endswith("-")
    assert made.startswith(f"ramped-{name}-c0ffee000000-2027")


def test_tags_hold_only_what_rds_allows() -> None:
    assert snapshot_tags("shop", REVISION, "änn (x)@desk")["ramped:by"] == "änn _x_@desk"


@pytest.mark.parametrize(
    ("snapshot", "again"),
    [
        (SNAPSHOT, True),
        (replace(SNAPSHOT, status="creating", created=0.0), True),
        (replace(SNAPSHOT, status="failed"), False),
        (replace(SNAPSHOT, tags={}), False),
        (replace(SNAPSHOT, tags={"ramped:revision": "1" * 40}), False),
        (replace(SNAPSHOT, created=NOW - 86400), False),
    ],
)
def test_only_a_snapshot_from_before_the_migrations_of_this_release_is_used_again(snapshot: Snapshot, again: bool) -> None:
    assert (to_use_again([snapshot], REVISION, NOW) == snapshot) == again


def test_of_several_the_first_counts_which_is_from_before_the_migrations() -> None:
    first = replace(SNAPSHOT, name="first", created=NOW - 600)
    assert to_use_again([SNAPSHOT, first], REVISION, NOW) == first
    assert to_use_again([], REVISION, NOW) is None
