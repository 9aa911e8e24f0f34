"""What a rollout takes: never less than its slowest part, never more than one launch after the other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.rollout.estimate import History, described, estimate, refresh_waves, waves
from tasks.decisions.rollout.plan import plan
from tasks.decisions.rollout.snapshot import Policy, Record
from tasks.decisions.rollout.steps import Point, Return, Terminate
from tests.decisions.rollout.model import GOAL, Group, policy

seconds = st.lists(st.floats(1, 600), min_size=1, max_size=5).map(tuple)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 6), seconds, seconds, st.floats(0, 100))
def test_the_waves_of_a_plan_replace_every_instance_and_take_as_long_as_they_must(
    desired: int, surge: int, batch: int, launches: tuple[float, ...], ends: tuple[float, ...], gate: float
) -> None:
    rules = policy(surge=surge, batch=min(batch, surge))
    found = waves(
        plan(Group.settled(0, desired + surge, desired).observe(), rules, GOAL), Group.settled(0, 20, desired).observe()
    )
    assert sum(found) == desired
    assert max(found) <= surge
    expected = estimate(found, History(launches, ends, gate), rules, smoke=1, price=2.0)
    assert expected.launches == desired and expected.smoke == 1 and expected.waves == len(found)
    assert expected.expected is not None and expected.longest is not None and expected.extra is not None
    assert min(launches) <= expected.expected <= expected.longest <= (desired + 1) * (max(launches) + gate) + max(ends) + 0.001
    assert expected.cost == pytest.approx(2 * expected.extra)
    assert expected.extra * 3600 <= (surge + 1) * expected.expected + desired * max(ends) + max(launches) + 0.001


def test_pauses_are_added_and_nothing_is_guessed() -> None:
    rules = Policy(surge=2, pause=60, pauses=(1, 5))
    found = estimate([2, 2], History((100.0, 120.0, 200.0), (30.0,), 10.0), rules)
    assert (found.expected, found.longest) == (2 * (120 + 10) + 30 + 180, 2 * (200 + 10) + 30 + 180)
    assert found.cost is None
    assert described(found, "7 min", "10 min") == [
        "4 launches in 2 waves",
        "about 7 min, at most 10 min if none is slower than the slowest of the last 3 launches",
        "about 0.3 instance hours in addition",
    ]
    unknown = estimate([1], History(), rules, smoke=1, price=1.0)
    assert (unknown.expected, unknown.cost) == (None, None)
    assert described(unknown, "", "") == [
        "1 launches in 1 waves, and 1 for the smoke boot",
        "how long it takes is not known: the group has launched nothing lately",
    ]


def test_an_instance_refresh_launches_as_many_at_a_time_as_the_surge() -> None:
    fleet = Group.settled(0, 10, 5).observe()
    assert refresh_waves(fleet, "2", 2) == [2, 2, 1]
    assert refresh_waves(fleet, "2", 1) == [1] * 5
    assert refresh_waves(replace(fleet, instances=()), "2", 2) == []


def test_each_part_of_the_estimate_counts_once() -> None:
    """Two waves of launches of 100 to 300 s, ends of 20 to 60 s, a gate of 10 s and warming up for 5 s."""
    found = estimate([3, 2], History((100.0, 140.0, 300.0), (20.0, 30.0, 60.0), 10.0), Policy(warm_up=5), smoke=2, price=0.5)
    assert (found.launches, found.smoke, found.waves, found.measured) == (5, 2, 2, 3)
    assert found.expected == 2 * 140 + 2 * (140 + 15) + 30
    assert found.longest == 2 * 300 + 2 * (300 + 15) + 60
    assert found.extra == (3 * found.expected + 2 * 30 + 2 * 140) / 3600
    assert found.cost == 0.5 * found.extra
    assert described(found, "10 min", "20 min")[0] == "5 launches in 2 waves, and 2 for the smoke boot"
    assert described(found, "10 min", "20 min")[2] == "about 0.7 instance hours in addition: about 0.31"


@pytest.mark.parametrize(("cost", "said"), [(0.01, "about 0.01"), (0.0099, "less than 0.01"), (0.0, "less than 0.01")])
def test_a_cost_below_a_hundredth_is_said_to_be_that(cost: float, said: str) -> None:
    found = replace(estimate([1], History((100.0,)), Policy()), extra=0.1, cost=cost)
    assert described(found, "", "")[-1] == f"about 0.1 instance hours in addition: {said}"


def test_without_launches_nothing_ends_and_without_ends_none_is_waited_for() -> None:
    none = estimate([], History((100.0,), (30.0,), 10.0), Policy())
    assert (none.launches, none.waves, none.expected, none.longest, none.extra) == (0, 0, 0.0, 0.0, 0.0)
    endless = estimate([1, 1], History((100.0,)), Policy())
    assert (endless.expected, endless.longest, endless.extra) == (200.0, 200.0, 200 / 3600)
    smoke = estimate([], History((100.0,)), Policy(), smoke=1)
    assert (smoke.expected, smoke.extra) == (100.0, 100 / 3600)
    assert estimate([1], History((100.0,)), Policy(pause=60)).expected == 160.0
    assert estimate([1], History((100.0,)), Policy(pauses=(1,))).expected == 100.0, "an operator's time is not guessed"


def test_waves_follow_the_steps() -> None:
    fleet = replace(Group.settled(0, 9, 4).observe(), desired=4)
    record = Record("r", "1", "2", 1, 4, 5, 0.0)
    steps = [Point("2", 6, 9), Terminate(("a", "b")), Return(("c",), record), Point("2", 6, 9), Point("2", 3, 9)]
    assert waves(steps, fleet) == [2, 2, 1]
