"""What is remembered from look to look, and how counts and ways back are told."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.snapshot import Fleet, FleetInstance, Policy, Record, count, gated, remember, way_back

POLICY = Policy(healthy_polls=2)


def member(id: str = "i-1", version: str = "1", **more: Any) -> FleetInstance:
    return replace(FleetInstance(id, "a", "InService", version, targets=("healthy",)), **more)


def fleet(*members: FleetInstance, desired: int | None = None) -> Fleet:
    return Fleet("web", 0, 9, len(members) if desired is None else desired, "1", members)


def seen(*looks: tuple[float, Fleet]) -> Fleet:
    last = None
    for at, now in looks:
        last = remember(last, now, at, POLICY)
    assert last is not None
    return last


SICK = member(targets=("unhealthy",))


def test_looks_that_find_it_ready_are_counted_in_a_row() -> None:
    well = fleet(member())
    assert [seen(*[(float(t), well) for t in range(n)]).instances[0].polls for n in (1, 2, 3)] == [1, 2, 3]
    assert seen((0, well), (5, fleet(SICK)), (10, well)).instances[0].polls == 1
    assert seen((0, well), (5, fleet(SICK))).instances[0].polls == 0


def test_it_is_idle_since_it_was_seen_to_fall_and_not_while_it_is_ready() -> None:
    well = fleet(member())
    assert seen((1, well), (5, fleet(SICK)), (10, fleet(SICK))).instances[0].idle_since == 5
    assert seen((1, well), (5, fleet(SICK)), (10, well)).instances[0].idle_since is None
    assert seen((1, well), (5, fleet(SICK)), (10, well), (15, fleet(SICK))).instances[0].idle_since == 15


def test_one_that_never_was_ready_is_idle_since_its_launch() -> None:
    launched = fleet(member(lifecycle="Pending", targets=("unused",), since=3.0))
    assert seen((10, launched)).instances[0].idle_since == 3
    assert seen((10, launched), (20, launched)).instances[0].idle_since == 3


def test_one_of_unknown_launch_is_counted_from_the_first_look() -> None:
    assert seen((10, fleet(SICK)), (20, fleet(SICK))).instances[0].since == 10
    assert seen((10, fleet(SICK)), (20, fleet(SICK))).instances[0].idle_since == 10


def test_time_in_service_begins_with_the_look_that_shows_it_and_ends_with_it() -> None:
    pending = fleet(member(lifecycle="Pending"))
    assert seen((1, pending)).instances[0].in_service_since is None
    assert seen((1, pending), (5, fleet(member())), (9, fleet(member()))).instances[0].in_service_since == 5
    standby = fleet(member(lifecycle="Standby"))
    assert seen((1, fleet(member())), (5, standby), (9, fleet(member()))).instances[0].in_service_since == 9


def test_a_revision_once_told_is_kept() -> None:
    told = seen((1, fleet(member(revision="abc"))), (5, fleet(member())))
    assert told.instances[0].revision == "abc"


def test_a_group_is_short_since_the_first_look_of_a_row() -> None:
    short, whole = fleet(member(), desired=2), fleet(member(), member("i-2"))
    assert seen((1, whole)).short_since is None
    assert seen((1, whole), (5, short), (9, short)).short_since == 5
    assert seen((5, short), (9, whole), (13, short)).short_since == 13
    assert seen((5, short), (9, whole)).short_since is None


def test_two_looks_a_moment_apart_count_as_one() -> None:
    well = remember(None, fleet(member()), 0.0, POLICY)
    assert [remember(well, fleet(member()), 1.0, POLICY, again=again).instances[0].polls for again in (True, False)] == [1, 2]
    sick = remember(None, fleet(SICK), 0.0, POLICY)
    assert remember(sick, fleet(member()), 1.0, POLICY, again=True).instances[0].polls == 1, "this look has found it ready"


def test_another_instance_has_no_past() -> None:
    assert seen((1, fleet(member("i-1"))), (5, fleet(member("i-2")))).instances[0].polls == 1


@pytest.mark.parametrize(
    ("lifecycle", "leaving", "counts"),
    [
        ("InService", False, True),
        ("Pending:Wait", False, True),
        ("Terminating", True, False),
        ("Terminating:Proceed", True, False),
        ("Detaching", True, False),
        ("Standby", False, False),
        ("EnteringStandby", False, False),
    ],
)
def test_who_counts(lifecycle: str, leaving: bool, counts: bool) -> None:
    one = member(lifecycle=lifecycle)
    assert one.leaving is leaving and bool(fleet(one).members) is counts


@pytest.mark.parametrize(
    ("more", "ready"),
    [
        ({}, True),
        ({"targets": ()}, True),
        ({"targets": ("healthy", "initial")}, False),
        ({"health": "Unhealthy"}, False),
        ({"lifecycle": "Pending"}, False),
    ],
)
def test_who_is_ready(more: dict[str, Any], ready: bool) -> None:
    assert member(**more).ready is ready


@pytest.mark.parametrize(
    ("value", "of", "number"), [(3, 10, 3), (0, 10, 1), ("25%", 10, 2), ("1%", 10, 1), ("100%", 7, 7), ("50%", 0, 1), (9, 2, 9)]
)
def test_counts_and_percentages(value: int | str, of: int, number: int) -> None:
    assert count(value, of) == number


@pytest.mark.parametrize(
    ("named", "target", "others", "back"),
    [
        ("2", "3", ["2", "2"], "2"),  # the plain case
        ("2", "3", ["1", "1"], "2"),  # what the group names counts
        ("3", "3", ["2", "1", "2"], "2"),  # $Latest, or pointed there before
        ("3", "3", ["1", "2"], "2"),  # a draw: the newer one
        ("3", "3", ["1", "2", "1"], "1"),  # the version of most
        ("11", "11", ["9", "10"], "10"),
        ("3", "3", ["3", "3"], "3"),
        ("3", "3", [], "3"),
        ("3", "3", ["lt-other:7"], "3"),  # another template's number means nothing here
    ],
)
def test_the_way_back(named: str, target: str, others: list[str], back: str) -> None:
    members = [member(f"i-{number}", version) for number, version in enumerate(others)]
    assert way_back(fleet(*members), named, target) == back


# -- new instances that end before they have served

RUN = Record("r", "1", "2", surge=1, maximum=4, raised=5, started=0.0)


def launched(*members: FleetInstance, **more: Any) -> Fleet:
    return replace(fleet(*members), record=RUN, launched=frozenset({"i-9"}), launches=1, **more)


NEW = member("i-9", "2")
BOOTING = replace(NEW, targets=("initial",))


@pytest.mark.parametrize(
    ("looks", "departed"),
    [
        ([launched(BOOTING), launched()], ("i-9",)),
        ([launched(BOOTING), launched(replace(BOOTING, lifecycle="Terminating"))], ("i-9",)),
        ([launched(BOOTING), launched(), launched()], ("i-9",)),
        ([fleet(), launched()], ()),  # launched after the group was read, and before its activities were
        ([launched(), launched()], ()),  # gone before the first look: it may have served
        ([fleet(), launched(), launched()], ("i-9",)),  # never seen
        ([launched(NEW), launched()], ("i-9",)),  # ready once is not through the gate
        ([launched(NEW), launched(NEW), launched()], ()),
        ([launched(BOOTING), launched(excused=frozenset({"i-9"}))], ()),  # scaled in
        ([launched(BOOTING), launched(replace(BOOTING, lifecycle="Standby"))], ()),
        ([launched(member("i-9", "1")), launched()], ()),  # an old one, out of a warm pool
    ],
)
def test_new_instances_that_left_before_they_served_are_counted(looks: list[Fleet], departed: tuple[str, ...]) -> None:
    assert seen(*((float(at), look) for at, look in enumerate(looks))).departed == departed


def test_an_old_version_out_of_a_warm_pool_is_no_launch_of_the_new_one() -> None:
    assert seen((0, launched(member("i-9", "1")))).launches == 0
    assert seen((0, launched(NEW))).launches == 1


@pytest.mark.parametrize("lifecycle", ["ReplacingRootVolume", "ReplacingRootVolume:Wait", "RootVolumeReplaced"])
def test_an_instance_whose_root_volume_is_replaced_counts_and_does_not_serve(lifecycle: str) -> None:
    one = member(lifecycle=lifecycle)
    assert fleet(one).members == (one,) and not one.ready


@pytest.mark.parametrize(
    ("heaviest", "lightest", "weighted", "overage", "least"),
    [(1, 1, False, 0, 0), (2, 2, True, 0, 2), (4, 1, True, 3, 7), (4, 3, True, 3, 7)],
)
def test_what_weights_cost(heaviest: int, lightest: int, weighted: bool, overage: int, least: int) -> None:
    one = replace(fleet(), heaviest=heaviest, lightest=lightest)
    assert (one.weighted, one.overage, one.least_surge) == (weighted, overage, least)


def test_the_warm_pool_holds_what_is_outdated() -> None:
    pool = [
        FleetInstance(id, "a", state, version)
        for id, state, version in (
            ("w-1", "Warmed:Stopped", "1"),
            ("w-2", "Warmed:Stopped", "2"),
            ("w-3", "Warmed:Terminating:Wait", "1"),
        )
    ]
    assert [i.id for i in replace(fleet(), pool=tuple(pool)).outdated("2")] == ["w-1"]


@pytest.mark.parametrize(
    ("pointed", "back", "aborted", "wanted"),
    [
        (False, False, False, "2"),
        (True, False, False, "2"),
        (False, True, False, "1"),
        (True, True, False, "1"),
        (False, True, True, "1"),
        (True, True, True, "2"),
    ],
)
def test_the_version_at_the_end(pointed: bool, back: bool, aborted: bool, wanted: str) -> None:
    assert Record("r", "1", "2", 1, 4, 5, 0.0, pointed=pointed, back=back, aborted=aborted).wanted == wanted


def test_on_the_way_back_launches_fail_for_the_rollout_until_the_group_has_acted() -> None:
    assert [replace(RUN, started=100.0, back=back).failing_since for back in (False, True)] == [100, 130]


@pytest.mark.parametrize(
    ("rules", "revision", "passes"),
    [
        ({}, None, True),
        ({"proof": True}, None, False),
        ({"proof": True}, "b", True),
        ({"revisions": {"1": "a"}}, "a", True),
        ({"revisions": {"1": "a"}}, "b", False),
        ({"revisions": {"1": "a"}}, None, False),
        ({"revisions": {"2": "a"}}, None, True),
    ],
)
def test_what_an_instance_must_report(rules: dict[str, Any], revision: str | None, passes: bool) -> None:
    one = member(polls=2, in_service_since=90.0, revision=revision)
    assert gated(one, replace(POLICY, **rules), 100.0) is passes
    assert gated(replace(one, in_service_since=None), replace(POLICY, **rules), 100.0) is False


def test_those_that_left_are_named_in_order_and_only_the_newest_state_counts() -> None:
    two = replace(fleet(BOOTING, replace(BOOTING, id="i-8")), record=RUN, launched=frozenset({"i-8", "i-9"}))
    gone = replace(two, instances=())
    assert seen((0, two), (1, gone)).departed == ("i-8", "i-9")
    assert seen((0, two), (1, replace(gone, launched=frozenset()))).departed == ()
    assert seen((0, two), (1, gone), (2, replace(two, instances=two.instances[:1]))).departed == ("i-8",)


def test_whoever_was_excused_stays_excused() -> None:
    assert "i-9" in seen((0, launched(NEW)), (1, launched(NEW)), (2, launched())).excused
    assert seen((0, launched(excused=frozenset({"i-5"})))).excused == {"i-5", "i-9"}
    assert seen((0, launched(NEW, excused=frozenset({"i-5"})))).excused == {"i-5"}
    assert seen((0, launched(NEW, member("i-4", "1"))), (1, launched(NEW))).excused == {"i-4"}
    assert seen((0, fleet(member("i-4", "1")))).excused == frozenset()


def test_time_out_of_service_is_not_time_in_service() -> None:
    pending = member(lifecycle="Pending", since=0.0)
    looks = [(1.0, fleet(pending)), (5.0, fleet(pending))]
    found = seen(*looks).instances[0]
    assert (found.since, found.in_service_since, found.idle_since, found.polls) == (1.0, None, 1.0, 0)
