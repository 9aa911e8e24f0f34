"""What the next poll reads, and what is known without one: pure, by example."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.effects import after
from tasks.decisions.rollout.looks import WHOLE, Look, is_booting, next_look, only_health, sufficient, unread
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance, Policy, Record
from tasks.decisions.rollout.steps import (
    Begin,
    Forget,
    Lower,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Step,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)

POLICY, POLL, RECORD = Policy(healthy_polls=3), 10.0, Record("r", "1", "2", 1, 4, 5, 0.0)


def member(id: str, version: str = "1", state: str = "healthy", **more: Any) -> FleetInstance:
    known = {"polls": 9, "in_service_since": 0.0} if state == "healthy" else {}
    return FleetInstance(id, "a", "InService", version, targets=(state,), **(known | more))


def fleet(*members: FleetInstance, **more: Any) -> Fleet:
    return Fleet("web", 0, 5, 3, "2", (member("i-old"), *members), **({"record": RECORD} | more))


BOOTS = replace(member("i-2", "2", "unused"), lifecycle="Pending")
COMES, SERVES = member("i-2", "2", "initial"), member("i-1", "2")


def look(seen: Fleet | None, age: float = 0.0, policy: Policy = POLICY) -> Look:
    return next_look(seen, policy, 100.0, age, POLL)


def test_while_new_instances_boot_health_is_not_read() -> None:
    assert look(fleet(BOOTS)) == Look(booting=frozenset({"i-2"}))
    assert look(fleet(SERVES)) == Look(booting=frozenset()), "one may come now"
    assert look(fleet(BOOTS, SERVES), 1000.0).booting == {"i-2"}


def test_while_new_instances_arrive_health_is_read_alone_and_the_group_as_often_as_before() -> None:
    assert look(fleet(SERVES, COMES)) == Look(health=True)
    assert look(fleet(SERVES, COMES), 27.0).health and not look(fleet(SERVES, COMES), 28.0).health
    assert look(fleet(member("i-2", "2", polls=1))).health, "its good looks are counted"


@pytest.mark.parametrize(
    "seen",
    [
        None,
        fleet(COMES, record=None),
        fleet(COMES, record=replace(RECORD, aborted=True)),
        fleet(COMES, BOOTS),
        fleet(replace(COMES, health="Unhealthy")),
        fleet(replace(COMES, targets=())),
        fleet(replace(COMES, lifecycle="Standby"), replace(COMES, id="i-3", targets=("unhealthy",))),
        fleet(COMES, replace(SERVES, targets=("unhealthy",))),
        fleet(BOOTS, replace(SERVES, targets=("unhealthy",))),
    ],
)
def test_otherwise_all_is_read(seen: Fleet | None) -> None:
    assert look(seen) == WHOLE


def test_an_instance_that_must_report_its_revision_is_asked_for_its_health_too() -> None:
    asked = replace(POLICY, revisions={"2": "c0ffee"})
    assert look(fleet(SERVES), policy=asked).health
    assert not look(fleet(replace(SERVES, revision="c0ffee")), policy=asked).health


@pytest.mark.parametrize(
    ("members", "booting"),
    [
        ({"i-old": "InService"}, False),
        ({"i-old": "InService", "i-2": "Pending:Wait"}, True),
        ({"i-old": "Terminating", "i-2": "Pending", "i-3": "Pending"}, True),
        ({"i-old": "InService", "i-2": "InService"}, False),
        ({"i-old": "InService", "i-2": "Pending", "i-3": "InService"}, False),
    ],
)
def test_it_boots_as_long_as_all_that_is_new_is_pending(members: dict[str, str], booting: bool) -> None:
    assert is_booting(members, fleet(BOOTS), frozenset({"i-2"})) is booting


def test_what_was_not_read_is_as_it_was_and_new_instances_are_unused() -> None:
    seen = fleet(replace(SERVES, targets=("unhealthy",), reason="unhealthy: 502"))
    now = fleet(replace(SERVES, targets=()), replace(BOOTS, targets=()))
    shown = unread(now, seen, 1, blind=True)
    assert [(i.targets, i.reason) for i in shown.instances] == [
        (("healthy",), ""),
        (("unhealthy",), "unhealthy: 502"),
        (("unused",), ""),
    ]
    assert shown.blind and not unread(now, seen, 1, blind=False).blind


def test_health_alone_changes_nothing_else() -> None:
    seen = fleet(COMES, launched=frozenset({"i-2", "i-9"}), launches=1)
    shown = only_health(seen, {"i-old": member("i-old"), "i-2": member("i-2", "2")})
    assert shown == replace(fleet(replace(COMES, targets=("healthy",))), launched=seen.launched, launches=2, blind=True)


SIZES: list[Step] = [Point("2", 4, 5), Lower(RECORD, 3, 4), RestoreMax(4)]


@pytest.mark.parametrize("step", [*SIZES, Terminate(("i-old",)), Protect(("i-1",)), TurnBack(RECORD, "why"), Wait("why")])
def test_a_size_needs_a_poll_of_its_own_and_all_but_waiting_needs_a_whole_poll(step: Step) -> None:
    assert sufficient(fleet(), step, True)
    assert sufficient(fleet(), step, False) is (step not in SIZES)
    assert sufficient(fleet(COMES, blind=True), step, True) is isinstance(step, Wait)
    assert not sufficient(fleet(member("i-2", "2", "draining"), blind=True), step, True), "it leaves: all is read at once"


def test_what_our_own_writes_leave_is_known() -> None:
    known = fleet(SERVES, suspended=frozenset({"Launch"}), vanished=True)
    begun = replace(RECORD, run="other")
    assert after(known, Begin(begun)) == replace(known, record=begun, vanished=False)
    assert after(known, Forget()) == replace(known, record=None, vanished=False)
    suspended = after(known, Suspend(("AZRebalance",)))
    assert suspended and suspended.suspended == {"Launch", "AZRebalance"}
    assert after(suspended, Resume(("AZRebalance",))) == known
    guarded = after(known, Protect(("i-1",)))
    assert guarded and [i.protected for i in guarded.instances] == [False, True]
    assert after(guarded, Unprotect(("i-1",))) == known
    assert after(known, RestoreMax(4)) == replace(known, maximum=4)


@pytest.mark.parametrize(
    "step", [Wait("why"), Terminate(("i-old",)), Point("2", 4, 5), Lower(RECORD, 3, 4), TurnBack(RECORD, "why")]
)
def test_what_the_group_does_upon_them_is_not(step: Step) -> None:
    assert after(fleet(SERVES), step) is None
