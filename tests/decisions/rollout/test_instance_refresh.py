"""What follows from how an instance refresh is, by table."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.decide import Goal
from tasks.decisions.rollout.instance_refresh import (
    Cancel,
    GoBack,
    Pin,
    Refresh,
    Returned,
    Start,
    follow,
    foreseen,
    preferences,
    unfit,
)
from tasks.decisions.rollout.steps import Done, Hold, Step, Stop, Wait
from tests.decisions.rollout.test_decide_table import POLICY, booting, new, old, surged

GOAL = Goal("r", "1", "2")
NOW = 1000.0
GOING = Refresh("r-1", "InProgress", "lt-1", "2", started=900.0, percentage=50)
HALF = surged(old(), new(), record=None, desired=2)
WHOLE = surged(new("i-8"), new("i-9"), record=None, desired=2)


def step(fleet: Any = HALF, refresh: Refresh | None = GOING, *, now: float = NOW, **rules: Any) -> Step:
    return follow(fleet, refresh, replace(POLICY, **rules), GOAL, (), now)


def status(name: str, reason: str = "") -> Refresh:
    return replace(GOING, status=name, reason=reason)


def test_it_starts_once_the_group_names_a_number() -> None:
    latest = replace(HALF, version="$Latest")
    assert step(latest, None) == Pin("1")
    started = step(refresh=None)
    assert isinstance(started, Start) and started.version == "2"
    assert [type(s) for s in foreseen(latest, None, POLICY, GOAL, ())] == [Pin, Start]
    assert [type(s) for s in foreseen(HALF, None, POLICY, GOAL, ())] == [Start]


@pytest.mark.parametrize(
    ("fleet", "refresh", "kind", "says"),
    [
        (HALF, GOING, Wait, "InProgress, 50 %; 2 of 2 serve; 1 new, 1 old"),
        (HALF, status("Successful"), Wait, "Successful; 2 of 2 serve"),
        (WHOLE, status("Successful"), Done, "every instance of web runs version 2"),
        (WHOLE, status("Baking"), Wait, "Baking"),
        (HALF, status("RollbackSuccessful", "5xx"), Returned, "5xx"),
        (HALF, status("RollbackInProgress"), Wait, "RollbackInProgress"),
        (HALF, status("Failed", "too long."), Stop, "Failed: too long; 2 of 2 serve"),
        (HALF, status("Cancelled"), Stop, "Cancelled"),
        (HALF, status("RollbackFailed"), Stop, "RollbackFailed"),
        (surged(old(), new(revision="b"), record=None, desired=2), GOING, GoBack, "reports revision b, not a"),
        (
            surged(old(), booting(since=500.0), record=None, desired=2),
            replace(GOING, started=400.0),
            GoBack,
            "does not serve within",
        ),
        (surged(old(), new(revision="b"), record=None, desired=2), status("RollbackInProgress"), Wait, "Rollback"),
    ],
)
def test_what_follows(fleet: Any, refresh: Refresh, kind: type[Step], says: str) -> None:
    rules = {"revisions": {"2": "a"}} if "revision" in says else {}
    answer = step(fleet, refresh, **rules)
    assert type(answer) is kind and says in str(answer)


def test_without_rollback_trouble_stops_it_here_and_not_there() -> None:
    bad = surged(old(), new(revision="b"), record=None, desired=2)
    answer = step(bad, rollback=False, revisions={"2": "a"})
    assert isinstance(answer, Stop) and "`abort` cancels it" in str(answer)


def test_what_is_found_wrong_after_its_end_goes_back_by_a_refresh_of_its_own() -> None:
    wrong = surged(new("i-8", revision="b"), new("i-9", revision="a"), record=None, desired=2)
    back = step(wrong, status("Successful"), revisions={"2": "a"})
    assert isinstance(back, Start) and back.version == "1" and "i-8 reports revision b, not a" in back.why
    assert back.why in str(back)
    stopped = step(wrong, status("Successful"), revisions={"2": "a"}, rollback=False)
    assert isinstance(stopped, Stop) and "Successful, but i-8 reports revision b, not a" in str(stopped)


@pytest.mark.parametrize("refresh", [GOING, status("Successful")])
def test_out_of_time_is_not_a_failure_of_the_version(refresh: Refresh) -> None:
    answer = step(refresh=refresh, now=2000.0, until=1500.0, instance_timeout=1e9)
    assert isinstance(answer, Stop)


def test_one_of_several_groups_waits_and_goes_back_with_the_others() -> None:
    assert isinstance(step(WHOLE, status("Successful"), hold=True), Hold)
    assert isinstance(step(WHOLE, status("Baking"), stop="api failed"), GoBack)
    back = step(WHOLE, status("Successful"), stop="api failed")
    assert isinstance(back, Start) and back.version == "1"


def test_an_abort_cancels_and_waits_until_it_is_over() -> None:
    assert isinstance(step(abort=True), Cancel)
    assert isinstance(step(refresh=status("Cancelling"), abort=True), Wait)
    for over in (None, status("Cancelled")):
        assert isinstance(step(refresh=over, abort=True), Done)


@pytest.mark.parametrize(("surge", "desired", "most"), [(1, 2, 150), (1, 20, 110), (5, 4, 200), (1, 0, 200), (2, 3, 167)])
def test_it_launches_first_and_no_more_than_aws_takes(surge: int, desired: int, most: int) -> None:
    asked = preferences(replace(HALF, desired=desired), replace(POLICY, surge=surge))
    assert (asked["MinHealthyPercentage"], asked["MaxHealthyPercentage"]) == (100, most)
    assert asked["SkipMatching"] and asked["AutoRollback"]


def test_pauses_and_alarms_are_handed_over() -> None:
    policy = replace(POLICY, pauses=(1, 2), pause=60)
    asked = preferences(replace(HALF, desired=4), policy, ("5xx",))
    assert (asked["CheckpointPercentages"], asked["CheckpointDelay"], asked["BakeTime"]) == ([25, 50, 100], 60, 60)
    assert asked["AlarmSpecification"] == {"Alarms": ["5xx"]}
    assert list(unfit(policy, ("5xx",), frozenset())) == []


def test_what_it_cannot_do_is_all_named() -> None:
    many = tuple(str(number) for number in range(11))
    assert len(list(unfit(replace(POLICY, pauses=(1,)), many, frozenset({"InstanceRefresh"})))) == 3
    assert len(list(unfit(replace(POLICY, pause=200_000), (), frozenset()))) == 1
