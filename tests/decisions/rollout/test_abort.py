"""An abort at any moment: what is left of a run is its instances, and never fewer that serve than before (virtual time)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.rollout.plan import plan
from tasks.decisions.rollout.steps import Abort, Done, Forget, Point, Return, Step, Stop, Terminate, Unprotect
from tests.decisions.rollout.histories import World, assert_clean, crashes, events, sizes, world, writes
from tests.decisions.rollout.model import GOAL, Group, Operator, policy

ABORT = policy(abort=True)


def half_way(group: Group, kind: type[Step], **rules: object) -> None:
    """Roll until a step of this kind has been taken."""
    operator = Operator(group, policy(**rules), GOAL)
    for _ in range(400):
        if isinstance(operator.tick(), kind):
            return
    raise AssertionError(f"no {kind.__name__}\n" + "\n".join(group.log[-20:]))


def aborted(group: Group) -> list[Step]:
    operator, steps = Operator(group, ABORT, GOAL), list[Step]()
    while not operator.ended and len(steps) < 200:
        steps.append(operator.tick())
    return steps


def test_before_the_new_one_serves_it_goes_and_the_fleet_is_as_it_was() -> None:
    group = Group.settled(1, 3, 3)
    half_way(group, Point)
    group.pass_time(5)
    steps = aborted(group)
    assert isinstance(steps[0], Abort) and steps[1] == Point("1", 4, 4)
    assert [s.ids for s in steps if isinstance(s, Return)] == [("i-0004",)]
    assert [b.version for b in group.members()] == ["1"] * 3 and (group.desired, group.maximum) == (3, 3)
    assert_clean(World(replace(group, maximum=3), 1, 3))


def test_half_way_the_instances_stay_and_an_old_one_gives_the_surge_back() -> None:
    group = Group.settled(1, 9, 4)
    half_way(group, Terminate)
    group.pass_time(60)
    steps = aborted(group)
    assert sorted(b.version for b in group.members()) == ["1", "1", "2", "2"]
    assert group.desired == 4 and group.version == "1" and any(isinstance(s, Unprotect) for s in steps)
    assert str(steps[-1]) == "no rollout of web is under way: 2 of version 1, 2 of version 2; it launches version 1"
    assert isinstance(Operator(group, policy(), GOAL).run(), Done)
    assert [b.version for b in group.members()] == ["2"] * 4, "a rollout replaces the rest"


def test_a_surge_that_cannot_be_launched_is_given_up_without_waiting() -> None:
    group = Group.settled(3, 9, 3)
    group.dry_until = float("inf")
    half_way(group, Point, surge=2)
    steps = aborted(group)
    assert steps[1] == Point("1", 3, 11) and not any(isinstance(s, Return) for s in steps)
    assert group.desired == 3 and group.maximum == 9


def test_a_group_that_was_pointed_before_stays_so() -> None:
    group = Group.settled(1, 9, 3)
    group.version = "2"
    half_way(group, Terminate)
    aborted(group)
    assert group.version == "2" and group.desired == 3 and group.maximum == 9


def test_nothing_under_way_is_nothing_to_do() -> None:
    group = Group.settled(1, 9, 2)
    (step,) = aborted(group)
    assert isinstance(step, Done) and group.log == [f"     0 Done: {step}"]
    (empty,) = aborted(Group.settled(0, 9, 0))
    assert "no instances; it launches version 1" in str(empty)


def test_a_way_back_is_aborted_too() -> None:
    group = Group.settled(1, 9, 3)
    half_way(group, Terminate)
    group.bad = frozenset({"2"})
    for box in group.members():
        box.sick_until = 1e9 if box.version == "2" else 0
    operator = Operator(group, policy(), GOAL)
    while not (group.record and group.record.back):
        operator.tick()
    aborted(group)
    assert group.record is None and group.desired == 3 and group.maximum == 9 and group.version == "1"


def test_it_gives_up_in_time_and_says_what_it_waits_for() -> None:
    group = Group.settled(1, 9, 3)
    half_way(group, Terminate)
    group.boot, group.drain, group.dry_until = 1e9, 1e9, 1e9
    late = Operator(group, replace(ABORT, until=group.now + 20), GOAL)
    assert isinstance(late.tick(), Abort)
    del group.boxes[group.members()[0].id]
    assert isinstance(late.run(), Stop)
    assert str(late.ended).startswith("not finished in time: 3 of 3 serve; 1 new, 2 old; last failed launch: We do not have")


@pytest.mark.parametrize("kind", [Point, Terminate])
def test_the_plan_of_an_abort_is_what_is_done(kind: type[Step]) -> None:
    group = Group.settled(1, 9, 4)
    group.boot = group.drain = 0.0
    half_way(group, kind)
    group.pass_time(10)
    planned = plan(group.observe(), ABORT, GOAL)
    done = [step for step in aborted(group) if type(step).__name__ != "Wait"]
    assert [type(step) for step in planned] == [type(step) for step in done]
    assert {Abort, Forget, Done} <= {type(step) for step in planned}


@given(sizes, events, st.integers(0, 60), crashes)
def test_aborted_at_any_moment_under_an_adversary_nothing_is_left_and_nothing_is_lost(
    numbers: dict, disturbances: list, last: int, crash: list
) -> None:
    w = world(numbers)
    w.longest = 450.0
    rules = policy(surge=numbers["surge"], batch=numbers["batch"], max_failures=1000)
    operator = Operator(w.group, rules, GOAL)
    for kind, number in disturbances[:last]:
        if kind not in ("quiet", "crash", "reject"):
            w.disturb(kind, number)
        operator.turn(writes(kind, number))
        w.check()
        if operator.ended:
            return
    if w.group.record is None:
        return  # it has not begun, or is over
    launched, stays = w.group.launches["2"], w.group.record.pointed
    operator = Operator(w.group, ABORT, GOAL)
    for at in crash:
        operator.turn(at)
        w.check()
        if operator.ended:
            break
    step = operator.ended or operator.run()
    assert isinstance(step, Done), w.story()
    assert w.group.version == ("2" if stays else "1"), w.story()
    assert stays or w.group.launches["2"] <= launched + w.surge, w.story()
    assert w.group.desired == max(w.group.minimum, w.own), "relative\n" + w.story()
    assert_clean(w)
