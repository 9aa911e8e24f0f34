"""The plan is what a run does, where nothing interferes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.rollout.plan import plan
from tasks.decisions.rollout.snapshot import FleetInstance
from tasks.decisions.rollout.steps import (
    Abort,
    Done,
    Empty,
    Forget,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Retire,
    Return,
    Rewrite,
    Step,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)
from tests.decisions.rollout.fleets import RECORD, new, old, surged
from tests.decisions.rollout.model import GOAL, Group, Operator, policy


def done(group: Group, **more: object) -> list[Step]:
    operator = Operator(group, policy(**more), GOAL)
    steps = []
    while not operator.ended:
        steps.append(operator.tick())
    return [step for step in steps if not isinstance(step, Wait)]


def kinds(steps: list[Step]) -> list[object]:
    """Tell the steps without the ids, which depend on who is launched when."""
    return [(type(s), s) if isinstance(s, Point) else (type(s), len(getattr(s, "ids", ()))) for s in steps]


@given(
    st.integers(0, 7), st.integers(0, 3), st.integers(0, 3), st.integers(1, 5), st.booleans(), st.booleans()
)  # fmt: skip
def test_the_plan_of_a_fleet_is_what_is_done_to_it_one_by_one(
    desired: int, below: int, above: int, surge: int, balanced: bool, protects: bool
) -> None:
    suspended = set() if balanced else {"AZRebalance"}
    group = Group.settled(max(0, desired - below), desired + above, desired, suspended=suspended)
    # Every launch serves at the next look and drains are over: only then can a plan know what goes together.
    group.boot, group.drain = 0.0, 0.0
    planned = plan(group.observe(), policy(surge=surge), GOAL)
    real = done(group, surge=surge)
    assert [type(s) for s in planned if not _varies(s)] == [type(s) for s in real if not _varies(s)]
    assert [s for s in planned if isinstance(s, Point)] == [s for s in real if isinstance(s, Point)]
    assert _killed(planned) == _killed(real) == desired
    assert isinstance(planned[-1], Done)


def _varies(step: Step) -> bool:
    return type(step).__name__ in ("Protect", "Terminate", "Return", "Unprotect")


def _killed(steps: list[Step]) -> int:
    return sum(len(s.ids) for s in steps if isinstance(s, Terminate | Return))


def test_a_plan_reads_as_a_runbook() -> None:
    group = Group.settled(1, 3, 3)
    words = [str(step).split(";")[0] for step in plan(group.observe(), policy(), GOAL)]
    assert words[:3] == [
        "record run r1: version 1 to 2, surge 1",
        "suspend AZRebalance, ScheduledActions",
        "point the group at version 2, desired 4, max 4",
    ]
    assert sum(word.startswith("terminate i-") for word in words) == 3
    assert words[-4:] == [
        "resume AZRebalance, ScheduledActions",
        "set max back to 3",
        "drop the run's tags",
        "every instance of web runs version 2",
    ]


def test_a_run_under_way_is_planned_from_where_it_is() -> None:
    group = Group.settled(1, 4, 4)
    operator = Operator(group, policy(), GOAL)
    while not group.terminated:
        operator.tick()
    group.pass_time(60)
    rest = plan(group.observe(), policy(), GOAL)
    assert _killed(rest) == 3 and not any(isinstance(step, Point) for step in rest)


def test_nothing_to_do_is_planned_as_such() -> None:
    group = Group.settled(1, 4, 2, version="2")
    assert [str(step) for step in plan(group.observe(), policy(), GOAL)] == ["every instance of web runs version 2"]


HALF = surged(old("i-1", "a"), new("i-8", "a"), new("i-9", "b"))


def names(steps: list[Step]) -> list[type[Step]]:
    return [type(step) for step in steps]


def test_a_rollback_is_planned_to_its_end() -> None:
    back = plan(HALF, policy(turn_back="asked"), GOAL)
    assert names(back) == [TurnBack, Point, Unprotect, Terminate, Return, Resume, RestoreMax, Forget]
    assert str(back[0]) == "roll back to version 1: asked"
    assert [step for step in back if isinstance(step, Point)] == [Point("1", 3, 5)]


def test_an_abort_is_planned_and_leaves_the_instances() -> None:
    assert names(plan(HALF, policy(abort=True), GOAL)) == [Abort, Point, Unprotect, Return, Resume, RestoreMax, Forget, Done]


def test_tags_that_are_missing_are_written_once() -> None:
    rest = plan(replace(HALF, vanished=True), policy(), GOAL)
    assert names(rest)[0] is Rewrite and names(rest).count(Rewrite) == 1 and names(rest)[-1] is Done


def test_a_warm_pool_is_emptied_once_by_pages() -> None:
    pool = tuple(FleetInstance(f"w-{n:02}", "a", "Warmed:Stopped", "1") for n in range(60))
    emptied = [step for step in plan(replace(HALF, pool=pool), policy(), GOAL) if isinstance(step, Empty)]
    assert [len(step.ids) for step in emptied] == [50, 10] and emptied[1].ids[-1] == "w-59"


def test_launches_are_planned_in_the_emptiest_zone_and_by_the_weight_of_most() -> None:
    """The last of the old ones is kept in the fullest zone: what replaced the first came up in zone a."""
    three = surged(old("i-1", "a"), old("i-2", "b"), old("i-3", "b"), record=None, version="1", desired=3, maximum=4)
    ends = [step.ids for step in plan(three, policy(), GOAL) if isinstance(step, Terminate | Return)]
    assert ends == [("i-2",), ("i-3",), ("i-1",)]
    four = surged(*(old(f"i-{n}", zone) for n, zone in enumerate("aaab", 1)), record=None, version="1", desired=4, maximum=5)
    assert [step.ids for step in plan(four, policy(), GOAL) if isinstance(step, Terminate | Return)] == [
        ("i-1",),
        ("i-2",),
        ("i-3",),
        ("i-4",),
    ]
    assert plan(replace(three, zones=()), policy(), GOAL)[-1] == Done("every instance of web runs version 2")
    heavy = tuple(old(f"i-{n}", weight=weight) for n, weight in enumerate((2, 2, 1)))
    weighted = replace(three, instances=heavy, desired=5, maximum=12, heaviest=2, lightest=1, zones=("a",))
    protected = [step.ids for step in plan(weighted, policy(), GOAL) if isinstance(step, Protect)]
    assert protected[0] == ("new-1", "new-2"), "three units of the surge are two instances of weight two"
    assert [str(step) for step in plan(replace(weighted, heaviest=4), policy(), GOAL)] == [
        "record run r1: version 1 to 2, surge 7",
        "point the group at version 2, desired 12, max 19",
        "protect new-1, new-2, new-3, new-4 from scale-in",
        "terminate i-0; the group replaces it",
        "protect new-5 from scale-in",
        "terminate i-1; the group replaces it",
        "protect new-6 from scale-in",
        "terminate i-2; the group replaces it",
        "lower desired to 5, max 12: the surge is given back",
        "unprotect new-1, new-2, new-3, new-4, new-5, new-6",
        "drop the run's tags",
        "every instance of web runs version 2",
    ]
    kept = [str(step) for step in plan(replace(weighted, maximum=20), policy(raise_max=False), GOAL)]
    assert kept[-4] == "lower desired to 5, max 20: the surge is given back" != kept[-5]
    assert plan(replace(weighted, instances=(), desired=0), policy(), GOAL)[-1] == Done("every instance of web runs version 2")


def test_a_plan_of_many_is_planned_to_its_end_and_no_two_launches_have_one_name() -> None:
    steps = plan(Group.settled(1, 20, 12).observe(), policy(), GOAL)
    assert isinstance(steps[-1], Done)
    launched = [id for step in steps if isinstance(step, Protect) for id in step.ids]
    assert launched == [f"new-{number}" for number in range(1, 13)]


@pytest.mark.parametrize("state", [{"lifecycle": "Pending:Wait"}, {"health": "Unhealthy"}, {"targets": ("initial",)}])
def test_what_does_not_serve_yet_does_so_in_a_plan(state: dict[str, Any]) -> None:
    boots = replace(HALF, instances=(*HALF.instances[:2], replace(HALF.instances[2], **state)))
    assert plan(boots, policy(), GOAL) == plan(HALF, policy(), GOAL)


def test_what_is_about_to_be_in_standby_is_planned_as_if_it_were() -> None:
    entering = replace(HALF, instances=(*HALF.instances, old("i-2", lifecycle="EnteringStandby")))
    assert Retire(("i-2",)) in plan(entering, policy(standby="replace"), GOAL)


def test_launches_and_tags_of_before_do_not_count_on_the_planned_way_back() -> None:
    """As many launches would be a crash loop, were they made on the way back."""
    many = replace(HALF, launches=9)
    assert names(plan(many, policy(turn_back="asked"), GOAL)) == names(plan(HALF, policy(turn_back="asked"), GOAL))
    missing = replace(HALF, vanished=True)
    assert plan(missing, policy(abort=True), GOAL) == plan(HALF, policy(abort=True), GOAL)


def test_what_is_planned_waits_for_nobody() -> None:
    """Neither draining, nor warming up, nor pauses, nor revisions: the plan is of what is done."""
    slow = policy(healthy_polls=9, warm_up=900, pauses=(1,), pause=600, revisions={"2": "a"}, together=True, until=-1.0)
    draining = replace(HALF, instances=(*HALF.instances, old("i-0", lifecycle="Terminating")), failures=("no such image",) * 9)
    assert names(plan(draining, slow, GOAL)) == names(plan(HALF, policy(), GOAL))
    assert names(plan(HALF, policy(), GOAL)) == [Return, Unprotect, Resume, RestoreMax, Forget, Done]
    assert RECORD.returned == 0
