"""Canary, checkpoints, baking, alarms and other groups: by example, and over generated fleets."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.decisions.rollout.pauses import before_pause, last_pause, pause, pauses
from tasks.decisions.rollout.snapshot import FleetInstance, Record
from tasks.decisions.rollout.steps import (
    Advance,
    Begin,
    Done,
    Forget,
    Hold,
    Pause,
    Point,
    Return,
    Step,
    Stop,
    Terminate,
    TurnBack,
    Wait,
)
from tasks.decisions.rollout.view import View
from tests.decisions.rollout.fleets import NOW, RECORD, booting, new, old, surged
from tests.decisions.rollout.histories import World, assert_clean
from tests.decisions.rollout.model import GOAL, Group, Operator, policy


def told(operator: Operator, limit: int = 400) -> list[Step]:
    steps = []
    while not operator.ended and len(steps) < limit:
        steps.append(operator.tick())
    return steps


def kinds(steps: list[Step], *wanted: type[Step]) -> list[Step]:
    return [step for step in steps if isinstance(step, wanted)]


@pytest.mark.parametrize(
    ("canary", "checkpoints", "size", "at"),
    [
        (0, (), 4, ()),
        (1, (), 4, (1,)),
        (1, ("25%", "50%", "100%"), 4, (1, 2)),
        (2, ("10%", "50%"), 20, (2, 10)),
        (3, ("50%",), 2, (1,)),
        (5, ("25%",), 1, ()),
        (1, ("1%",), 0, ()),
    ],
)
def test_where_it_pauses(canary: int, checkpoints: tuple[str, ...], size: int, at: tuple[int, ...]) -> None:
    assert pauses(canary, checkpoints, size) == at


def test_a_canary_stops_until_somebody_says_so_and_the_record_knows() -> None:
    group = Group.settled(1, 9, 4)
    rules = policy(surge=3, batch=3, canary=1, pauses=(1,))
    operator = Operator(group, rules, GOAL)
    steps = told(operator)
    assert isinstance(operator.ended, Pause) and "1 of 4 are new: look at the site" in str(operator.ended)
    assert kinds(steps, Terminate, Return, Advance) == []
    assert sorted(b.version for b in group.members()) == ["1", "1", "1", "1", "2"], "the surge is no larger than the canary"
    # Asked again without a word, it stops there again; told to go on, and killed, it does not ask once more.
    assert isinstance(Operator(group, rules, GOAL).run(), Pause)
    confirmed = Operator(group, replace(rules, confirmed=True), GOAL)
    while not kinds([confirmed.tick()], Terminate):
        pass
    assert group.record and group.record.passed == 1
    assert isinstance(Operator(group, rules, GOAL).run(), Done)
    assert [b.version for b in group.members()] == ["2"] * 4 and group.desired == 4


def test_baking_takes_its_time_at_each_pause_and_in_the_end() -> None:
    group = Group.settled(1, 9, 4)
    operator = Operator(group, policy(pauses=(2, 3), pause=100), GOAL)
    steps = told(operator)
    assert [step.record.passed for step in kinds(steps, Advance)] == [2, 3, 4]  # type: ignore[attr-defined]
    assert isinstance(operator.ended, Done)
    quick = Group.settled(1, 9, 4)
    Operator(quick, policy(), GOAL).run()
    assert group.now - quick.now >= 2 * 100, "at least twice a whole pause; the others overlap with boots"
    assert any("2 of 4 are new and bake" in str(step) for step in steps)
    assert any("all are new and bake" in str(step) for step in steps)


@pytest.mark.parametrize("when", ["begun", "baking", "half-way"])
def test_an_alarm_turns_it_round_at_any_time(when: str) -> None:
    group = Group.settled(1, 9, 4)
    operator = Operator(group, policy(pauses=(2,), pause=100), GOAL)
    reached = {"begun": (Point,), "half-way": (Terminate,), "baking": (Return,)}[when]
    while not kinds([operator.tick()], *reached):
        pass
    if when == "baking":
        while "all are new and bake" not in str(operator.tick()):
            pass
    group.alarms = ("shop-5xx",)
    steps = told(operator)
    (turn,) = kinds(steps, TurnBack)
    assert "alarm shop-5xx is in ALARM" in str(turn)
    assert isinstance(operator.ended, Forget), group.log[-5:]
    assert [b.version for b in group.members()] == ["1"] * 4 and (group.desired, group.maximum) == (4, 9)


def test_an_alarm_after_the_end_is_not_ours() -> None:
    """The last pause is over and recorded: what is left is to tidy up, and that is finished whatever goes off."""
    group = Group.settled(1, 9, 2)
    operator = Operator(group, policy(pause=10), GOAL)
    while not kinds([operator.tick()], Advance):
        pass
    group.alarms = ("shop-5xx",)
    assert isinstance(operator.run(), Done)


def test_a_group_that_is_there_waits_for_the_others_and_goes_back_with_them() -> None:
    group = Group.settled(1, 9, 2)
    operator = Operator(group, policy(together=True, hold=True), GOAL)
    while not kinds([operator.tick()], Hold):
        pass
    assert [b.version for b in group.members()] == ["2", "2"] and group.record
    operator.policy = policy(together=True, hold=True, stop="api was rolled back")
    assert isinstance(operator.run(), Forget)
    assert [b.version for b in group.members()] == ["1", "1"] and group.desired == 2


def test_a_group_that_is_there_is_over_with_the_others() -> None:
    group = Group.settled(1, 9, 2)
    operator = Operator(group, policy(together=True, hold=True), GOAL)
    while not kinds([operator.tick()], Hold):
        pass
    operator.policy = policy(together=True)
    steps = told(operator)
    assert [s.record.passed for s in kinds(steps, Advance)] == [2]  # type: ignore[attr-defined]
    assert isinstance(operator.ended, Done)


def test_without_any_pause_nothing_more_is_written() -> None:
    group = Group.settled(1, 9, 3)
    assert not kinds(told(Operator(group, policy(), GOAL)), Advance)


rules = st.fixed_dictionaries(
    {
        "surge": st.integers(1, 3),
        "batch": st.integers(1, 3),
        "canary": st.integers(0, 3),
        "checkpoints": st.lists(st.sampled_from(["10%", "34%", "50%", "100%"]), max_size=3),
        "pause": st.sampled_from([0.0, 30.0, 200.0]),
    }
)


# Late in a rollout: the launches of the way there are not those of the way back.
@example(5, {"surge": 1, "batch": 1, "canary": 0, "checkpoints": [], "pause": 0.0}, [], 31, False)
@given(
    st.integers(0, 6), rules, st.lists(st.none() | st.integers(0, 5), max_size=30), st.none() | st.integers(0, 60), st.booleans()
)  # fmt: skip
def test_no_more_is_replaced_than_a_pause_allows_and_an_alarm_brings_all_back(
    desired: int, numbers: dict, crashes: list[int | None], alarm: int | None, other: bool
) -> None:
    group = Group.settled(0, desired + 1, desired)
    numbers = dict(numbers)
    at = pauses(numbers["canary"], numbers.pop("checkpoints"), desired)
    world = World(group, numbers["surge"], desired)
    operator = Operator(group, policy(pauses=at, confirmed=True, together=other, **numbers), GOAL)
    goes = iter(crashes)
    for tick in range(1500):
        if tick == alarm:
            group.alarms = ("bad",)
        step = operator.turn(next(goes, None))
        world.check()
        record = group.record
        if isinstance(step, Terminate) and record and not record.back:
            ahead = [number for number in at if number > record.passed]
            replaced = sum(b.version == "2" for b in group.members()) + group.desired - len(group.members())
            assert not ahead or replaced <= ahead[0], world.story()
        if isinstance(step, Begin):
            assert step.record.surge <= (numbers["canary"] or numbers["surge"])
        if operator.ended:
            break
    assert isinstance(operator.ended, Done | Forget) and not isinstance(operator.ended, Stop | Wait), world.story()
    assert len({b.version for b in group.members()}) <= 1 and group.desired == desired, world.story()
    if alarm is None:
        assert {b.version for b in group.members()} <= {"2"}, world.story()
    assert_clean(world)


FOUR = replace(RECORD, size=4, desired=4)


def view(*members: FleetInstance, record: Record = FOUR, desired: int = 5, **rules: Any) -> View:
    fleet = surged(*members, record=record, desired=desired)
    return View(fleet, policy(**{"pauses": (1, 3), "pause": 100} | rules), record, NOW)


OLD = tuple(old(f"i-{n}") for n in range(4))


@pytest.mark.parametrize(
    ("seen", "ahead"),
    [
        (view(*OLD), 0),  # one is still to come
        (view(*OLD, new()), 0),
        (view(*OLD, new(), record=replace(FOUR, passed=1)), 2),
        (view(*OLD, new(), record=replace(FOUR, passed=1), desired=6), 1),  # of which one is to come
        (view(*OLD, new(), booting("i-8"), booting("i-7"), new("i-6"), record=replace(FOUR, passed=1)), 0),
        (view(*OLD, record=replace(FOUR, passed=3)), None),
        (view(*OLD, record=replace(FOUR, size=1)), None),  # a pause after all of them is the last one
        (view(*OLD, record=replace(FOUR, back=True)), None),
        (view(*OLD, pauses=()), None),
    ],
)
def test_how_many_may_be_replaced_until_the_next_pause(seen: View, ahead: int | None) -> None:
    assert before_pause(seen) == ahead


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        (view(*OLD, new(in_service_since=950.0)), [Wait("1 of 4 are new and bake, 50 s to go; 5 of 4 serve; 1 new, 4 old")]),
        (view(*OLD, new(in_service_since=901.0)), [Wait("1 of 4 are new and bake, 1 s to go; 5 of 4 serve; 1 new, 4 old")]),
        (view(*OLD, new(in_service_since=900.0)), [Advance(replace(FOUR, passed=1))]),
        (view(*OLD, booting()), [Wait("4 of 4 serve; 1 new, 4 old; i-9 Pending, unused, ready in 0 looks")]),
        (view(*OLD, new(), pause=0), [Pause("1 of 4 are new: look at the site, then go on with --yes")]),
        (view(*OLD, new(), pause=0, confirmed=True), [Advance(replace(FOUR, passed=1))]),
        (view(*OLD, new(), record=replace(FOUR, passed=1)), []),  # the next is not reached
        (view(*OLD, new(), record=replace(FOUR, passed=3)), []),
        (
            # The newest of them counts from when it came into service.
            view(*OLD, new(in_service_since=10.0), new("i-8", in_service_since=990.0), pauses=(2,), desired=6),
            [Wait("2 of 4 are new and bake, 90 s to go; 6 of 5 serve; 2 new, 4 old")],
        ),
    ],
)
def test_what_ends_a_pause(seen: View, steps: list[Step]) -> None:
    assert list(pause(seen)) == steps


ALL = tuple(new(f"i-{n}", in_service_since=930.0) for n in range(4))
LAST = Advance(replace(FOUR, passed=4))


@pytest.mark.parametrize(
    ("seen", "steps"),
    [
        (view(*ALL, desired=4), [Wait("all are new and bake, 30 s to go; 4 of 3 serve; 4 new, 0 old"), LAST]),
        (view(*ALL, desired=4, pause=71), [Wait("all are new and bake, 1 s to go; 4 of 3 serve; 4 new, 0 old"), LAST]),
        (view(*ALL, desired=4, pause=70), [LAST]),
        (view(*ALL[:3], booting("i-3"), desired=4, pause=10), [LAST]),  # where fewer serve, that is waited for elsewhere
        (view(*ALL, desired=4, pause=0), []),
        (view(*ALL, desired=4, pause=0, together=True), [LAST]),
        (view(*ALL, desired=4, pause=0, together=True, hold=True), [Hold("web is ready and waits for the other groups"), LAST]),
        (view(*ALL, desired=4, record=replace(FOUR, passed=4)), []),
        (view(*ALL, desired=4, record=replace(FOUR, back=True)), []),
        (view(desired=0, record=replace(FOUR, size=0)), [Advance(replace(FOUR, size=0, passed=1))]),
        (view(*ALL[:1], desired=1, record=replace(FOUR, size=0), pause=10), [Advance(replace(FOUR, size=0, passed=1))]),
    ],
)
def test_what_ends_the_last_pause(seen: View, steps: list[Step]) -> None:
    assert list(last_pause(seen)) == steps
