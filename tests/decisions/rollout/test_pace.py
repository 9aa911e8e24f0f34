"""How soon a rollout looks again: pure, by example."""

from dataclasses import replace

import pytest

from tasks.decisions.rollout.pace import Pace, longest
from tasks.decisions.rollout.snapshot import FleetInstance

POLL, POLLS = 10.0, 3


def new(state: str, polls: int = 0, id: str = "i-1") -> FleetInstance:
    return FleetInstance(id, "a", "InService", "2", targets=(state,), polls=polls)


def learned(*looks: tuple[float, str], id: str = "i-1") -> Pace:
    pace = Pace()
    for at, state in looks:
        pace = pace.after([new(state, id=id)], at)
    return pace


def test_nothing_known_is_looked_at_as_asked_for() -> None:
    assert Pace().rest([], POLLS, 0, POLL) == POLL
    assert learned((0, "initial")).rest([new("initial")], POLLS, 5, POLL) == POLL


@pytest.mark.parametrize(("polls", "rest"), [(1, 2.0), (2, 2.0), (3, POLL), (9, POLL)])
def test_one_that_has_become_ready_is_confirmed_quickly(polls: int, rest: float) -> None:
    assert Pace().rest([new("healthy", polls)], POLLS, 0, POLL) == rest


@pytest.mark.parametrize(
    ("since", "rest"),
    [
        (0, 3 * POLL),
        (100, 3 * POLL),
        (175, 15 + 10 / 3),
        (185, 5 + 10 / 3),  # the look is put soon after the first one was not ready yet
        (189, 1 + 10 / 3),
        (195, 10 / 3),
        (210, 10 / 3),
        (211, POLL),  # this one takes longer: nothing is known any more
    ],
)
def test_the_next_one_is_expected_when_the_one_before_was_ready(since: float, rest: float) -> None:
    pace = learned((1000, "initial"), (1190, "initial"), (1200, "healthy"))
    assert pace.took == (190, 200)
    begun = pace.after([new("healthy", 9), new("initial", id="i-2")], 2000)
    assert begun.rest([new("healthy", 9), new("initial", id="i-2")], POLLS, 2000 + since, POLL) == pytest.approx(rest)


def test_within_a_wide_window_a_third_of_it_is_close_enough() -> None:
    pace = learned((1000, "initial"), (1170, "initial"), (1200, "healthy"))
    begun = pace.after([new("initial", id="i-2")], 2000)
    assert begun.rest([new("initial", id="i-2")], POLLS, 2185, POLL) == 10.0


@pytest.mark.parametrize(("since", "rest"), [(0, 30.0), (100, 30.0), (135, 15.0), (145, POLL), (200, POLL)])
def test_before_the_first_one_the_launches_of_the_past_count(since: float, rest: float) -> None:
    begun = Pace(launch=150).after([new("initial")], 1000).after([new("initial")], 1000 + since)
    assert begun.rest([new("initial")], POLLS, 1000 + since, POLL) == rest
    assert Pace(launch=150).rest([], POLLS, 1000, POLL) == POLL, "none is launched yet"


@pytest.mark.parametrize(
    ("launch", "lifecycle", "poll", "rest"),
    [
        (150, "Pending:Wait", POLL, 2 * POLL),
        (150, "Pending", 20.0, 30.0),  # never later than failures are to be seen
        (150, "InService", POLL, POLL),
        (0, "Pending", POLL, POLL),
    ],
)
def test_one_that_boots_longer_than_those_before_it_is_not_ready_at_once(
    launch: float, lifecycle: str, poll: float, rest: float
) -> None:
    late = replace(new("unused"), lifecycle=lifecycle)
    assert Pace(launch=launch).after([late], 1000).rest([late], POLLS, 1200, poll) == rest


@pytest.mark.parametrize(("poll", "rest"), [(5.0, 15.0), (10.0, 30.0), (20.0, 30.0), (60.0, 60.0)])
def test_failures_and_alarms_are_seen_within_half_a_minute_or_a_poll(poll: float, rest: float) -> None:
    pace = learned((1000, "initial"), (1590, "initial"), (1600, "healthy"))
    assert pace.after([new("initial", id="i-2")], 2000).rest([new("initial", id="i-2")], POLLS, 2010, poll) == rest
    assert longest(poll) == max(poll, 30)


def test_what_was_ready_at_first_sight_teaches_nothing() -> None:
    assert learned((0, "healthy"), (10, "healthy")).took is None


def test_one_that_falls_ill_or_goes_does_not_unlearn() -> None:
    pace = learned((0, "initial"), (90, "initial"), (100, "healthy"), (110, "unhealthy"))
    assert pace.took == (90, 100) and pace.starting == {"i-1": (110, 110)}
    assert pace.after([], 120) == Pace({}, (90, 100))


@pytest.mark.parametrize(
    ("last", "ready", "took"),
    [
        (52, 54, (52, 54)),
        (92, 95, (92, 95)),
        (105, 110, (105, 110)),
        (60, 80, (60, 80)),
        (60, 90, (60, 90)),  # as the last window begins
        (60, 94, (90, 94)),  # found by the first look within the window
        (60, 100, (80, 100)),  # the window is as wide as before: the next look is put before it
        (85, 102, (85, 102)),
    ],
)
def test_the_latest_one_counts(last: float, ready: float, took: tuple[float, float]) -> None:
    pace = learned((0, "initial"), (90, "initial"), (100, "healthy"))
    for at, state in ((200, "initial"), (200 + last, "initial"), (200 + ready, "healthy")):
        pace = pace.after([new(state, id="i-2")], at)
    assert pace.took == took


def test_its_age_counts_from_its_launch_and_not_from_the_poll_that_met_it() -> None:
    launched = replace(new("initial"), since=1000)
    pace = Pace().after([launched], 1030).after([launched], 1190).after([replace(launched, targets=("healthy",))], 1200)
    assert pace.took == (190, 200)


@pytest.mark.parametrize(
    ("pace", "rest"), [(Pace(), POLL), (Pace(launch=50), 25.0), (Pace(launch=150), 30.0), (Pace(took=(30, 34)), 15.0)]
)
def test_after_a_step_that_launches_it_is_not_looked_at_once(pace: Pace, rest: float) -> None:
    assert pace.launching(POLL) == rest
