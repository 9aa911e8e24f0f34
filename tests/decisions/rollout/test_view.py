"""What follows from a fleet during a run, by table."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.snapshot import Fleet, Record
from tasks.decisions.rollout.view import View, describe, waiting
from tests.decisions.rollout.fleets import NOW, POLICY, RECORD, booting, new, old, surged


def view(fleet: Fleet, record: Record = RECORD, **rules: Any) -> View:
    return View(replace(fleet, record=record), replace(POLICY, **rules), record, NOW)


def test_an_operator_reads_about_the_two_that_have_not_served_longest() -> None:
    fleet = surged(old("i-1"), new("i-2"), booting("i-5", 950.0), booting("i-4", 930.0), booting("i-3", 930.0))
    assert [i.id for i in view(fleet).suspects] == ["i-3", "i-4"]


@pytest.mark.parametrize(
    ("record", "fleet", "surged_already"),
    [
        ({"surged": True}, {"version": "1", "maximum": 4}, True),  # written, whatever the group names by now
        ({"back": True}, {"version": "1", "maximum": 4}, True),
        ({}, {"version": "1", "maximum": 4}, False),
        ({}, {"version": "2", "maximum": 4}, True),
        ({}, {"version": "7", "maximum": 5}, True),  # pointed elsewhere since: max shows it
        ({"raised": 4}, {"version": "7", "maximum": 4}, False),  # max was not to be raised, so it shows nothing
        ({"raised": 4}, {"version": "7", "maximum": 4, "launched": frozenset({"i-9"})}, True),
        ({"raised": 4}, {"version": "7", "maximum": 4, "launched": frozenset({"i-1"})}, False),  # of the old version
        ({"pointed": True}, {"version": "2", "maximum": 4}, False),  # named it before
        ({"pointed": True}, {"version": "2", "maximum": 5}, True),
        ({"pointed": True, "surge": 0}, {"version": "2", "maximum": 4}, True),
    ],
)
def test_whether_the_surge_was_made_is_seen_after_a_crash(
    record: dict[str, Any], fleet: dict[str, Any], surged_already: bool
) -> None:
    assert view(surged(old("i-1"), new("i-9"), **fleet), replace(RECORD, **record)).surged is surged_already


@pytest.mark.parametrize(
    ("record", "fleet", "owed"),
    [
        ({}, {}, 1),
        ({}, {"maximum": 4}, 1),  # desired was not lowered, whatever max is
        ({"surge": 3, "returned": 1}, {}, 2),
        ({"surge": 3, "returned": 4}, {}, 0),
        ({}, {"version": "1", "maximum": 4}, 0),  # not made yet
        ({"surge": 3, "returning": ("i-1", "i-7", "i-8")}, {"died": frozenset({"i-8"})}, 2),  # i-1 is there, i-8 died by itself
        ({"surge": 3, "returning": ("i-1", "i-7")}, {"requested": frozenset({"i-1"})}, 1),  # i-1 is back by the warm pool
        ({"back": True, "extra": 2}, {"version": "1"}, 3),
        ({"back": True, "extra": 2}, {}, 1),  # more only once the group was pointed back
        ({"lowering": 4}, {"desired": 3}, 0),
        ({"lowering": 3}, {"desired": 3}, 1),
        ({"lowering": -3}, {"desired": 3, "maximum": 4}, 0),  # max is back: desired was changed by another user
        ({"lowering": -3}, {"desired": 2}, 1),  # max is not: another user scaled in before the call was made
    ],
)
def test_what_of_the_surge_is_owed(record: dict[str, Any], fleet: dict[str, Any], owed: int) -> None:
    assert view(surged(old("i-1"), new("i-9"), **fleet), replace(RECORD, **record)).owed == owed


def test_no_more_is_returned_than_min_leaves() -> None:
    wide = replace(RECORD, surge=3)
    assert [view(surged(old(), desired=5, minimum=m), wide).returnable for m in (1, 2, 3, 5, 6)] == [3, 3, 2, 0, 0]


def test_more_than_the_group_desires_spares_none() -> None:
    four = surged(*(old(f"i-{n}") for n in range(4)), desired=3)
    assert (view(four).strength, view(four).floor, view(four).spare) == (4, 2, 1)
    assert view(replace(four, heaviest=2, lightest=2)).spare == 2
    assert view(replace(four, instances=four.instances[:1])).spare == -1


def test_an_old_instance_serves_when_it_is_ready_and_a_new_one_when_it_has_passed() -> None:
    assert view(surged(old("i-1", polls=0), old("i-2", polls=1), new("i-8", polls=1), new("i-9", polls=2))).strength == 3


def test_launches_to_come_are_as_few_as_the_heaviest_type_allows() -> None:
    short = surged(old("i-1"), desired=6)
    assert (view(short).short, view(short).coming, view(replace(short, heaviest=2)).coming) == (5, 5, 3)
    assert view(replace(short, desired=0)).short == 0


def test_what_it_waits_for_is_one_line() -> None:
    fleet = surged(
        old("i-1"),
        old("i-2", lifecycle="Terminating:Wait"),
        old("i-3", lifecycle="Terminating:Retained"),
        old("i-4", lifecycle="Terminating:Retained"),
        new("i-8", polls=1, revision="0123456789abcdef", targets=("healthy", "healthy")),
        new("i-9", targets=("unhealthy", "initial"), reason="Target.Timeout", polls=0),
        *(replace(booting(f"i-{n}"), targets=()) for n in (5, 6)),
        failures=("no such image",),
    )
    assert waiting(view(fleet)) == (
        "1 of 2 serve; 4 new, 1 old; 1 draining; i-3, i-4 Terminating:Retained, not waited for: terminate what was inspected; "
        "last failed launch: no such image; i-8 InService, healthy, ready in 1 looks, revision 0123456789ab; "
        "i-9 InService, initial/unhealthy (Target.Timeout), ready in 0 looks; i-5 Pending, no target group, ready in 0 looks"
    )
    assert describe(booting("i-9")) == "i-9 Pending, unused, ready in 0 looks"


@pytest.mark.parametrize(
    ("record", "rules", "watched"),
    [
        ({}, {}, False),
        ({}, {"pause": 1}, True),
        ({}, {"together": True}, True),
        ({"back": True}, {"pause": 60}, False),
        ({"passed": 1}, {"pause": 60}, True),
        ({"passed": 2}, {"pause": 60}, False),
        ({"size": 0}, {"together": True}, True),
        ({"size": 0, "passed": 1}, {"together": True}, False),
    ],
)
def test_it_is_watched_until_the_last_pause_has_passed(record: dict[str, Any], rules: dict[str, Any], watched: bool) -> None:
    assert view(surged(new()), replace(RECORD, **record), **rules).watched is watched


TIDY = surged(new("i-8"), new("i-9"), desired=2)


def test_what_is_wrong_counts_while_it_can_still_go_back() -> None:
    done = replace(RECORD, returned=1)
    assert view(replace(TIDY, alarms=("5xx",)), done).trouble() is None
    assert view(replace(TIDY, alarms=("5xx", "slow")), done, pause=60).trouble() == "alarm 5xx, slow is in ALARM"
    assert view(replace(TIDY, exceeded=("errors", "latency")), done, pause=60).trouble() == "errors; latency"
    assert view(replace(TIDY, alarms=("5xx",)), done, pause=60, stop="api failed").trouble() == "api failed"
    back = replace(RECORD, back=True)
    bad = surged(old("i-1"), new(), alarms=("5xx",), exceeded=("errors",))
    assert view(bad, back, stop="api failed").trouble() is None
    assert view(bad, replace(back, aborted=True)).trouble() is None


def test_revisions_are_told_by_their_first_twelve_characters() -> None:
    reports = surged(old("i-1"), new("i-9", revision="0123456789abcdef"))
    said = view(reports, revisions={"2": "fedcba9876543210"}).trouble()
    assert said == "i-9 reports revision 0123456789ab, not fedcba987654"


def test_one_that_is_ready_and_still_to_be_confirmed_is_not_late() -> None:
    assert view(surged(old("i-1"), new("i-9", since=100.0, in_service_since=120.0, polls=1))).trouble() is None


def test_an_instance_that_reports_no_revision_is_late_from_when_it_came_into_service() -> None:
    silent = surged(old("i-1"), new("i-9", since=100.0, in_service_since=690.0))
    assert view(silent).trouble() is None, "nobody asks"
    for asked in ({"revisions": {"2": "a"}}, {"proof": True}):
        assert str(view(silent, **asked).trouble()).startswith("i-9 does not serve within 300 s: i-9 InService"), asked
        assert view(silent, **asked, instance_timeout=310.0).trouble() is None
        assert view(silent, replace(RECORD, started=800.0), **asked).trouble() is None, "what was before the run does not count"


def test_a_crash_loop_of_weights_is_counted_in_light_instances() -> None:
    """Two units of the group's own and seven of the surge may come as nine instances; three more may fail."""
    fleet = surged(old("i-1", weight=4), booting(), heaviest=4, lightest=1, desired=9, launches=12)
    record = replace(RECORD, surge=7, raised=11)
    assert view(fleet, record).trouble() is None
    loops = replace(fleet, launches=13)
    assert view(loops, record).trouble() == "13 launches for 2 instances: they do not stay alive"
    assert view(loops, replace(record, extra=1)).trouble() is None
    assert view(replace(loops, desired=10), record).trouble() is None, "scaled out meanwhile"
    assert view(replace(loops, launches=14), record, surge=8).trouble() is not None
    assert view(loops, record, surge=8).trouble() is None
    assert view(loops, replace(record, size=0)).trouble() is None
    wider = replace(record, surge=9, raised=13)
    assert [view(replace(fleet, desired=11, launches=n), wider).trouble() is None for n in (14, 15)] == [True, False]
    narrow = replace(record, surge=3, raised=7)
    assert [view(replace(fleet, desired=5, launches=n), narrow).trouble() is None for n in (12, 13)] == [True, False]
