"""What a rollout must not begin with."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.instance_refresh import Refresh
from tasks.decisions.rollout.preflight import alarming, problems, slow_draining, slow_ends, slow_hooks, standing_by, unsettled
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance, Policy


def member(id: str, **more: Any) -> FleetInstance:
    return replace(FleetInstance(id, "a", "InService", "1", targets=("healthy",)), **more)


WELL = Fleet("web", 1, 4, 2, "1", (member("i-1"), member("i-2")))


def found(fleet: Fleet = WELL, policy: Policy | None = None, **more: Any) -> list[str]:
    known = {"template": "lt-1", "target_groups": 1, "workers": False, "classic": (), "idle": (), "foreign": (), "refresh": None}
    return problems(fleet, policy or Policy(), **(known | more))


def test_a_fleet_in_order_has_none() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"idle": ("spare", "old")},
            "no listener forwards to target group spare, old, so its targets are never healthy: detach it, or name it in "
            "aws.spare_target_groups",
        ),
        (
            {"foreign": ("c7g.large: image ami-1", "t3.small: template lt-2")},
            "overrides of its mixed-instances policy have a template or an image of their own, which no new version of the "
            "group's template changes (c7g.large: image ami-1; t3.small: template lt-2): take it out of the override",
        ),
        ({"template": ""}, "it has no launch template (a launch configuration?): give it one"),
        (
            {"classic": ("old-lb", "older-lb")},
            "it is attached to Classic Load Balancers (old-lb, older-lb), whose health is not read",
        ),
        (
            {"target_groups": 0},
            "it is attached to no target group, so nothing shows whether an instance serves; for queue workers name their "
            "units in workers.services",
        ),
        ({"refresh": Refresh("r", "InProgress", "lt-1", "7", 0.0)}, "an instance refresh to version 7 is InProgress"),
    ],
)
def test_what_the_group_is(more: dict[str, Any], words: str) -> None:
    (one,) = found(**more)
    assert one == words or (one.startswith(words) and "refresh" in more)


@pytest.mark.parametrize("process", ["Launch", "Terminate", "AddToLoadBalancer", "HealthCheck", "ReplaceUnhealthy"])
def test_a_process_that_is_needed_and_suspended(process: str) -> None:
    assert found(replace(WELL, suspended=frozenset({process}))) == [
        f"{process} suspended, and not by a rollout: resume them first"
    ]


@pytest.mark.parametrize("process", ["AZRebalance", "ScheduledActions", "AlarmNotification", "InstanceRefresh"])
def test_a_process_that_is_not_needed(process: str) -> None:
    assert found(replace(WELL, suspended=frozenset({process}))) == []


@pytest.mark.parametrize("lifecycle", ["Standby", "EnteringStandby"])
def test_an_instance_in_standby(lifecycle: str) -> None:
    (one,) = found(replace(WELL, desired=1, instances=(member("i-1"), member("i-2", lifecycle=lifecycle))))
    assert f"i-2 is in {lifecycle}" in one


@pytest.mark.parametrize(
    ("standby", "said"),
    [
        (
            "ignore",
            ["i-2 is in Standby with version 1: it stays, and comes back with that version (rollout.standby)"],
        ),
        (
            "replace",
            ["i-2 is in Standby with version 1: it is terminated when all others are new (rollout.standby)"],
        ),
        ("refuse", []),
    ],
)
def test_what_becomes_of_one_in_standby_is_said_where_it_does_not_refuse(standby: str, said: list[str]) -> None:
    aside = [member("i-2", lifecycle="Standby"), member("i-3", lifecycle="Standby", version="2")]
    fleet, policy = replace(WELL, instances=(member("i-1"), *aside), desired=1), Policy(standby=standby)
    assert standing_by(fleet, policy, "2") == said
    assert (found(fleet, policy) == []) is bool(said)


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        (member("i-2", lifecycle="Pending:Wait"), "i-2 does not serve (Pending:Wait"),
        (member("i-2", health="Unhealthy"), "i-2 does not serve (InService, Unhealthy, targets healthy)"),
        (member("i-2", targets=("healthy", "unhealthy")), "i-2 does not serve (InService, Healthy, targets healthy/unhealthy)"),
        (member("i-2", targets=("unused",)), "targets unused"),
    ],
)
def test_an_instance_that_does_not_serve_is_told_and_in_nobodys_way(instance: FleetInstance, words: str) -> None:
    fleet = replace(WELL, instances=(member("i-1"), instance))
    (one,) = unsettled(fleet)
    assert words in one and found(fleet) == []


def test_sizes_that_have_not_settled() -> None:
    assert unsettled(replace(WELL, desired=3)) == ["it has 2 instances and desires 3: launches or terminations are under way"]
    assert found(replace(WELL, desired=3)) == []
    leaving = (member("i-1"), member("i-2"), member("i-3", lifecycle="Terminating:Wait", targets=("draining",)))
    assert unsettled(replace(WELL, instances=leaving)) == []


@pytest.mark.parametrize(("maximum", "surge", "room"), [(4, 2, True), (3, 2, False), (3, 1, True), (2, 1, False), (4, 9, True)])
def test_room_below_max(maximum: int, surge: int, room: bool) -> None:
    fleet = replace(WELL, maximum=maximum)
    assert (found(fleet, Policy(surge=surge, raise_max=False)) == []) is room
    assert found(fleet, Policy(surge=surge)) == []


def test_everything_is_named_at_once() -> None:
    bad = replace(WELL, suspended=frozenset({"Launch"}), instances=(member("i-1", lifecycle="Standby"),))
    assert len(found(bad, refresh=Refresh("r", "Pending", "lt-1", "7", 0.0), target_groups=0)) == 4


@pytest.mark.parametrize(("batch", "slow"), [(1, True), (2, True), (3, False), (6, False)])
def test_draining_that_may_outlast_the_deadline_is_told_with_its_figures(batch: int, slow: bool) -> None:
    told = slow_draining({"web": 300, "quick": 5}, 6, batch, 600)
    assert bool(told) == slow
    if slow:
        assert len(told) == 1 and f"web drains up to 300 s and there are {6 // batch} batches" in told[0]
        assert f"may take {6 // batch * 300} s, more than rollout.timeout (600 s)" in told[0]


@pytest.mark.parametrize(("seconds", "batch", "told"), [(3600, 1, True), (3600, 6, True), (60, 1, False), (100, 1, True)])
def test_a_terminating_hook_is_told_with_what_it_adds(seconds: int, batch: int, told: bool) -> None:
    found = slow_ends({"ship-logs": seconds}, 6, batch, 600, 14400)
    assert bool(found) == told
    if told:
        rounds = 6 // batch
        assert f"hold each old instance {seconds} s: {rounds} batches take up to {rounds * seconds} s more" in found[0]


def test_where_nothing_shows_whether_an_instance_serves() -> None:
    assert found(target_groups=0, workers=True) == []
    assert found(refresh=Refresh("r", "Pending", "lt-1", "", 0.0)) == [
        "an instance refresh to version unknown is Pending: wait for its end, or `abort` it"
    ]


def test_every_process_that_is_missing_is_named_in_one_line() -> None:
    (said,) = found(replace(WELL, suspended=frozenset({"Terminate", "Launch"})))
    assert said.startswith("Launch, Terminate suspended")


def test_room_is_asked_for_no_more_than_is_surged() -> None:
    assert found(replace(WELL, maximum=3), Policy(surge=5, raise_max=False)) == [
        "no room for a surge of 2 below max 3 (desired 2), and rollout.raise_max is off"
    ]


def test_units_exceed_desired_by_less_than_the_heaviest() -> None:
    weighted = replace(WELL, instances=(member("i-1", weight=2), member("i-2", weight=2)), heaviest=2, lightest=2)
    assert unsettled(replace(weighted, desired=3)) == [] == unsettled(replace(weighted, desired=4))
    for desired in (2, 5):
        assert unsettled(replace(weighted, desired=desired)) == [
            f"it has 4 units and desires {desired}: launches or terminations are under way"
        ]


def test_an_instance_that_does_not_serve_has_its_reason_beside_it() -> None:
    sick = member("i-2", targets=(), health="Unhealthy", reason="Target.Timeout")
    assert unsettled(replace(WELL, instances=(member("i-1"), sick))) == [
        "i-2 does not serve (InService, Unhealthy, targets none, Target.Timeout): it is replaced first, and does not count as "
        "capacity"
    ]


def test_alarms_that_cannot_stop_a_run() -> None:
    states = {"5xx": "OK", "slow": "ALARM", "new": "INSUFFICIENT_DATA", "other": "ALARM"}
    assert alarming(["5xx", "slow", "new", "gone"], states) == [
        "there is no alarm gone (rollout.alarms)",
        "alarm slow is in ALARM already: it could not show whether the new version is bad",
    ]


def test_a_launch_hook_that_may_outlast_the_patience_with_an_instance() -> None:
    assert slow_hooks({"warm": 900, "quick": 899}, 900) == [
        "launch hook warm may hold a new instance 900 s, and after 900 s (rollout.instance_timeout) it counts as failed: "
        "complete the hook sooner"
    ]


def test_a_terminating_hook_counts_by_the_shorter_of_both_timeouts() -> None:
    assert slow_ends({"logs": 100}, 6, 1, 600, 14400) and slow_ends({"logs": 100}, 6, 1, 14400, 600)
    assert slow_ends({"logs": 99}, 6, 1, 600, 600) == []
    assert slow_ends({"logs": 100}, 7, 3, 300, 300) and slow_ends({"logs": 100}, 7, 3, 301, 301) == []


def test_a_drain_as_long_as_the_timeout_is_in_time() -> None:
    assert slow_draining({"web": 100}, 6, 1, 600) == []
    assert slow_draining({"web": 100}, 7, 3, 299) and slow_draining({"web": 100}, 7, 3, 300) == []
