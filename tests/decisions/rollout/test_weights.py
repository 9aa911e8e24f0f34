"""The end of a rollout of a group with weights, by table."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.snapshot import Fleet, FleetInstance
from tasks.decisions.rollout.steps import Lower, Protect, Step, Terminate, Wait
from tests.decisions.rollout.fleets import RECORD, booting, new, step, surged

OVER = replace(RECORD, surge=2, maximum=4, raised=6)
LOWERED = replace(OVER, lowering=-6)


def weighted(*members: FleetInstance, **more: Any) -> Fleet:
    base = surged(*members, heaviest=2, lightest=2, record=OVER, desired=6, maximum=6)
    return replace(base, **more)


def heavy(id: str, **more: Any) -> FleetInstance:
    return new(id, weight=2, **more)


THREE = (heavy("i-7"), heavy("i-8"), heavy("i-9"))
SICK = heavy("i-9", targets=("unhealthy",), protected=False)


@pytest.mark.parametrize(
    ("fleet", "expected"),
    [
        (weighted(*THREE), Lower(LOWERED, 4, 4)),
        (
            weighted(*THREE, minimum=5),
            Lower(replace(OVER, lowering=6), 5, 6),
        ),  # desired above the old max: that is not restored yet
        (weighted(*THREE, maximum=9), Lower(replace(OVER, lowering=6), 4, 9)),  # another user's max stays
        (weighted(*THREE[:2], SICK), Lower(LOWERED, 4, 4)),  # scale-in takes what is not protected, and enough serve
    ],
)
def test_desired_is_lowered_in_one_call(fleet: Fleet, expected: Step) -> None:
    assert step(fleet) == expected


def test_it_waits_where_scale_in_could_take_what_serves() -> None:
    assert isinstance(step(weighted(heavy("i-7"), booting("i-8", weight=2), SICK)), Wait)
    unprotected = weighted(heavy("i-7", protected=False), heavy("i-8"), SICK)
    assert step(unprotected) == Protect(("i-7",))
    assert isinstance(step(replace(unprotected, record=replace(OVER, protect=False))), Wait)
    bare = tuple(replace(i, protected=False) for i in THREE)
    assert isinstance(step(weighted(*bare, record=replace(OVER, protect=False))), Lower), "all serve: whichever it takes"
    aborted = replace(OVER, back=True, aborted=True, pointed=True, protect=False)
    assert isinstance(step(replace(unprotected, record=aborted)), Lower)


def over(*members: FleetInstance, **more: Any) -> Fleet:
    return weighted(*members, desired=4, maximum=4, record=LOWERED, **more)


def test_the_group_takes_the_surplus_where_it_may() -> None:
    loose = tuple(replace(i, protected=False) for i in (*THREE[:2], SICK))
    assert isinstance(step(over(*loose)), Wait)
    for protects in (False, True):
        assert not isinstance(step(over(*THREE[:2], protects_new=protects)), Wait | Terminate), "there is no surplus"


def test_after_an_abort_too_no_more_goes_than_is_surplus_and_none_that_is_needed() -> None:
    """Then what does not serve is not waited for."""
    aborted = replace(LOWERED, back=True, aborted=True, pointed=True, protect=False)
    enough = replace(over(THREE[0], replace(SICK, protected=True)), record=aborted)
    assert not isinstance(step(enough), Wait | Terminate)
    bulky = over(replace(SICK, weight=3), new("i-7", weight=1), new("i-8", weight=1), lightest=1, protects_new=True)
    assert not isinstance(step(replace(bulky, record=aborted)), Wait | Terminate)


def test_what_it_may_not_take_is_terminated_and_first_what_does_not_serve() -> None:
    """By its own default all are protected, or by ours what passed and turned sick."""
    assert step(over(*THREE[:2], SICK, protects_new=True)) == Terminate(("i-9",))
    assert step(over(*THREE[:2], replace(SICK, protected=True))) == Terminate(("i-9",))
    younger = (heavy("i-7"), heavy("i-8", since=950.0), heavy("i-9"))
    assert step(over(*younger, protects_new=True)) == Terminate(("i-8",))
    assert step(over(*THREE, protects_new=True)) == Terminate(("i-7",))
    assert not isinstance(step(over(*THREE)), Terminate), "ours is removed in the end, then the group takes one"
    lighter = (heavy("i-7"), heavy("i-8"), new("i-9", weight=1))
    assert not isinstance(step(over(*lighter[:2], replace(THREE[2], weight=3), protects_new=True)), Wait)
    assert step(over(*lighter, protects_new=True)) == Terminate(("i-9",))
