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
from tests.decisions.rollout.fleets import POLICY, booting, new, old, surged

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
    assert step(WHOLE, None) == Done("every instance of web runs version 2"), "it may have ended before it was seen"
    assert isinstance(step(replace(WHOLE, instances=(new("i-8"), booting("i-9"))), None), Start)
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
        (HALF, status("Failed", "no zone has type X."), Stop, "Failed: no zone has type X; 2 of 2 serve"),
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


def test_the_preferences_are_those_of_a_rollout_of_ours() -> None:
    plain = {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 125,
        "SkipMatching": True,
        "AutoRollback": True,
        "ScaleInProtectedInstances": "Refresh",
    }
    four = replace(HALF, desired=4)
    assert preferences(four, POLICY) == plain
    everything = replace(POLICY, pauses=(2,), pause=60.9, warm_up=90.5, rollback=False)
    assert preferences(four, everything, ["5xx", "slow"]) == plain | {
        "AutoRollback": False,
        "InstanceWarmup": 90,
        "CheckpointPercentages": [50, 100],
        "CheckpointDelay": 60,
        "BakeTime": 60,
        "AlarmSpecification": {"Alarms": ["5xx", "slow"]},
    }
    assert preferences(replace(HALF, desired=3), everything)["CheckpointPercentages"] == [67, 100]


@pytest.mark.parametrize(
    ("rule", "lifecycle", "asked"),
    [
        ("ignore", "Standby", "Ignore"),
        ("replace", "EnteringStandby", "Terminate"),
        ("refuse", "Standby", None),
        ("ignore", "InService", None),
    ],
)
def test_aws_is_told_what_to_do_with_instances_in_standby_where_there_are_any(
    rule: str, lifecycle: str, asked: str | None
) -> None:
    fleet = surged(old(), new("i-8", lifecycle=lifecycle), record=None, desired=2)
    assert preferences(fleet, replace(POLICY, standby=rule)).get("StandbyInstances") == asked


def test_each_limit_is_said_with_its_setting() -> None:
    most = tuple(map(str, range(10)))
    assert list(unfit(replace(POLICY, pauses=(1,), pause=172_800), most, frozenset({"AZRebalance"}))) == []
    assert list(unfit(replace(POLICY, pauses=(1,)), (*most, "10"), frozenset({"InstanceRefresh"}))) == [
        "an instance refresh cannot wait for an operator (rollout.canary, rollout.checkpoints): set rollout.pause",
        "rollout.alarms names 11 alarms; an instance refresh takes 10",
        "InstanceRefresh is suspended: resume it first",
    ]
    assert list(unfit(replace(POLICY, pause=172_801), (), frozenset())) == [
        "rollout.pause is 172801 s; an instance refresh waits 172800 at most"
    ]


def test_the_steps_say_what_they_do() -> None:
    assert str(Start("2", preferences(HALF, POLICY))) == "start an instance refresh to version 2, 100 to 150 % in service"
    assert str(Start("1", preferences(HALF, POLICY), "bad")).endswith("% in service: bad")
    assert [str(foreseen(HALF, GOING, replace(POLICY, turn_back="asked"), GOAL, ())[0])] == [
        "roll the instance refresh back: asked"
    ]
    assert str(step(abort=True)) == "cancel the instance refresh: the instances stay"
    assert str(step(refresh=status("RollbackSuccessful", "5xx"))) == "the instance refresh was rolled back: 5xx"
    assert str(step(refresh=status("Cancelling"), abort=True)) == "instance refresh r-1: Cancelling"
    assert "so that it can roll back" in str(Pin("1")) and "version 1" in str(Pin("1"))


def test_what_is_foreseen_does_not_end_for_lack_of_time() -> None:
    assert [type(s) for s in foreseen(HALF, GOING, replace(POLICY, until=-1.0), GOAL, ())] == [Wait]
    (began,) = foreseen(HALF, None, POLICY, GOAL, ("5xx",))
    assert isinstance(began, Start) and began.preferences["AlarmSpecification"] == {"Alarms": ["5xx"]}
    _, began = foreseen(replace(HALF, version="$Latest"), None, POLICY, GOAL, ("5xx",))
    assert isinstance(began, Start) and began.preferences["AlarmSpecification"] == {"Alarms": ["5xx"]}


def test_a_refresh_that_goes_back_by_itself_is_not_judged_by_what_it_replaces() -> None:
    bad = surged(old(), new(revision="b"), record=None, desired=2)
    for going in ("Cancelling", "RollbackInProgress"):
        assert isinstance(step(bad, status(going), revisions={"2": "a"}), Wait)
    for going in ("Pending", "InProgress", "Baking"):
        assert isinstance(step(bad, status(going), revisions={"2": "a"}), GoBack)


def test_after_its_end_instances_may_still_come_or_be_too_late() -> None:
    late = step(HALF, status("Successful"), now=2000.0, until=1500.0)
    assert isinstance(late, Stop) and str(late).startswith("instance refresh r-1: Successful, but 2 of 2 serve")
    fewer = surged(new("i-8"), record=None, desired=2)
    assert isinstance(step(fewer, status("Successful")), Wait)
    for refresh in (status("Successful"), GOING):
        assert isinstance(step(fewer, refresh, now=1000.0, until=1000.0), Wait)
    assert str(step(now=2000.0, until=1500.0)).startswith(
        "not finished in time; AWS continues the refresh: instance refresh r-1: InProgress; 2 of 2 serve"
    )


def test_instances_that_do_not_stay_alive_go_back() -> None:
    """Two to replace, and three may fail."""
    for launches, kind in ((5, Wait), (6, GoBack)):
        answer = step(replace(HALF, launches=launches))
        assert isinstance(answer, kind), launches
    assert str(answer) == "roll the instance refresh back: 6 launches for 2 instances: they do not stay alive"


def test_aws_watches_alarms_and_pauses_and_this_does_not() -> None:
    """The refresh has them in its preferences."""
    assert isinstance(step(replace(HALF, alarms=("5xx",))), Wait)
    assert isinstance(step(replace(WHOLE, alarms=("5xx",)), status("Successful"), pause=600), Done)
    for rules in ({"pause": 600}, {"together": True}):
        over = step(replace(WHOLE, exceeded=("slow",)), status("Successful"), **rules)
        assert isinstance(over, Done), "all are replaced, and AWS has watched as long as it was asked to"
    back = step(
        surged(new("i-8", revision="b"), record=None, desired=1),
        status("Successful"),
        revisions={"2": "a"},
        pause=600,
        pauses=(1,),
    )
    assert isinstance(back, Start) and not {"BakeTime", "CheckpointDelay"} & set(back.preferences)
