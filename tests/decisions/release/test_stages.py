"""Which migrations wait until no old code runs: what the site says of both stages, what tags hold, and when they may run."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release import migrations, stages
from tasks.decisions.release.migrations import PendingMigrations, chosen, incompatible_message, still_waiting
from tasks.decisions.rollout.versions import Candidate, as_outdated, choose, previous
from tasks.errors import Refused
from tests.decisions.release.answers import answer, operation

NAMES = st.lists(st.from_regex(r"[a-z]{1,20}\.[0-9]{4}_[a-z_]{1,50}", fullmatch=True), max_size=20, unique=True)


def two(plain: str, *halves: tuple[str, str], alias: str = "default") -> PendingMigrations:
    told = json.loads(answer(plain, alias=alias))
    operations = [{**operation(verdict), "stage": stage} for verdict, stage in halves]
    staged: dict[str, Any] = {"verdict": "", "waiting": ["shop.0002_drop"], "delay": 60.0, "operations": operations}
    told["databases"][0]["staged"] = staged
    return migrations.read(json.dumps(told), [alias])


def test_two_stages_are_read_and_taken_where_they_are_no_worse() -> None:
    found = two("incompatible", ("compatible", "expand"), ("none", "contract"))
    taken = chosen(found, stages=True)
    assert (taken.verdict, taken.waiting, taken.delay) == ("compatible", ("shop.0002_drop",), 60.0)
    assert taken.lines == ("compatible    expand    shop.0002: Add field: because.",)
    assert taken.left("default") == ("shop.0002_drop",) and taken.left("other") == ()
    assert chosen(found, stages=False) == found
    for worse in (("compatible", "review"), ("incompatible", "incompatible"), ("review", "incompatible")):
        unfit = two(worse[0], (worse[1], "contract"))
        assert chosen(unfit, stages=True) is unfit
    other = chosen(two("incompatible", ("compatible", "contract"), alias="stock"), stages=True)
    assert other.waiting == ("stock:shop.0002_drop",) and other.left("stock") == ("shop.0002_drop",)


def test_a_refusal_says_what_becomes_of_two_stages() -> None:
    fine, unfit = (two("incompatible", (verdict, "contract")) for verdict in ("compatible", "incompatible"))
    assert "app.contract: later" in incompatible_message(fine, "0123", stages=False)
    assert "In two stages, shop.0002_drop after the rollout, they do not work either" in incompatible_message(unfit, "0123")
    assert "two stages" not in incompatible_message(migrations.read(answer("incompatible"), ["default"]), "0123")
    still = still_waiting(unfit, stages.waiting_text(["shop.0002_drop", "shop.0001_other"]))
    assert still == ["shop.0002_drop"] and still_waiting(unfit, "") == []
    said = incompatible_message(unfit, "0123", still)
    assert "still wait until no old code runs: shop.0002_drop" in said and "run `contract` first" in said


@given(NAMES, NAMES)
def test_a_tag_knows_the_names_that_it_was_written_of_and_no_others(names: list[str], others: list[str]) -> None:
    tag = stages.waiting_text(names)
    assert len(tag) <= 256
    assert stages.unknown(tag, [*names, *others]) == [name for name in others if name not in names]


def test_more_than_a_tag_can_name_is_refused() -> None:
    with pytest.raises(Refused, match="30 migrations would have to wait"):
        stages.waiting_text([f"shop.{number:04}_{'x' * 60}" for number in range(30)])
    assert stages.shown(stages.waiting_text([f"shop.{number:04}_{'x' * 60}" for number in range(20)])) == "20 migrations"


@pytest.mark.parametrize(("ended", "left"), [(None, 0.0), (-2600.0, 0.0), (900.0, 3500.0), (2000.0, 4600.0)])
def test_the_window_begins_when_the_rollout_ends(ended: float | None, left: float) -> None:
    assert stages.left_of_window(ended, 3600.0, 1000.0) == left


def test_older_versions_of_others_are_outdated_with_ours() -> None:
    ours, foreign = Candidate("2", "2" * 40, "ami-2"), [Candidate(number, None, f"ami-{number}") for number in "13"]
    gone = Candidate("2", "2" * 40, "ami-2", outdated="0123 2026-01-02")
    assert as_outdated([foreign[1], ours, foreign[0]]) == [foreign[1], ours, foreign[0]]
    assert [c.outdated for c in as_outdated([foreign[1], gone, foreign[0]])] == ["", "0123 2026-01-02", "0123 2026-01-02"]


def test_nothing_goes_back_to_code_that_the_database_no_longer_fits() -> None:
    old, kept = (Candidate(number, number * 40, "ami-1", outcome="served") for number in "12")
    gone = [Candidate(c.number, c.revision, c.image, outcome="served", outdated="0123 2026-01-02") for c in (old, kept)]
    assert previous([kept, old], "3") == kept and previous([gone[1], old], "3") == old
    with pytest.raises(Refused, match=r"version 2 \(222222222222\): its code needs what `contract` has taken"):
        choose([gone[1], old], "3", "2")
    with pytest.raises(Refused, match="no version of ours before 3.*its code needs what `contract` has taken"):
        choose(gone, "3", None)
