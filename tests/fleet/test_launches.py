"""Launches that die, in a group that tries again and again: seen at once, told with AWS's reason and a hint."""

from typing import Any

import pytest

from tasks.aws import autoscaling
from tasks.errors import RolledBack
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def launched(world: RollingWorld) -> int:
    """Return how many launches of the new version there were, by the template version of the instances."""
    filters = [{"Name": "tag:aws:ec2launchtemplate:version", "Values": [world.next]}]
    shown = world.cloud.client("ec2").describe_instances(Filters=filters)["Reservations"]
    return sum(len(one["Instances"]) for one in shown)


@pytest.mark.parametrize("size", [2, 6])
def test_instances_that_die_while_they_are_launched_are_failures_whatever_the_size(size: int) -> None:
    """AWS tells such a launch as Cancelled, not as Failed."""
    with rolling(size) as world:
        world.cloud.control("options", {"dies_at_launch": {world.image: "Client.InternalError"}})
        with (
            world.watched(),
            pytest.raises(RolledBack, match=r"\d+ launches failed: .*Client.InternalError.* \(often a volume's KMS"),
        ):
            world.roll(instance_timeout=120)
        world.assert_done("1")
        # Three are enough; how many more come until the next look is up to the machine's speed.
        assert 3 <= launched(world) < size + 8


def test_a_launch_hook_that_is_abandoned_is_a_failure_with_its_reason() -> None:
    with rolling(2) as world:
        hook = {"LifecycleHookName": "setup", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        world.cloud.client("autoscaling").put_lifecycle_hook(
            AutoScalingGroupName="web", HeartbeatTimeout=30, DefaultResult="ABANDON", **hook
        )
        with world.watched(), pytest.raises(RolledBack, match=r"launches failed: .*abandoned.*\(a launch hook was abandoned"):
            world.roll(instance_timeout=120)
        # The hook abandons old versions too: it goes before the group has to launch one.
        world.assert_done("1")


def test_a_crash_loop_of_the_group_itself_is_seen_after_three() -> None:
    """The group's own ELB checks replace each new instance before `instance_timeout` would end it."""
    with rolling(3) as world:
        world.cloud.control("options", {"replace_never_healthy": True})
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched(), pytest.raises(RolledBack, match="3 new instances ended before they served: i-"):
            world.roll(instance_timeout=600)
        world.assert_done("1")
        assert launched(world) <= 5


def test_one_full_subnet_of_three_takes_no_good_release_back() -> None:
    with rolling(3, standin={"launch_retry": 1}) as world:
        world.cloud.control("options", {"full_subnets": world.fleet.subnets[:1]})
        with world.watched():
            world.roll(max_failures=1)
        assert set(world.versions()) == {world.next}


PAGE: list[dict[str, Any]] = [
    {"ActivityId": "a", "StartTime": 900, "StatusCode": "WaitingForELBConnectionDraining"},
    {"ActivityId": "b", "StartTime": 1200, "EndTime": 1210, "StatusCode": "Failed"},
    {"ActivityId": "c", "StartTime": 1100, "EndTime": 1110, "StatusCode": "Cancelled"},
    {"ActivityId": "d", "StartTime": 950, "EndTime": 960, "StatusCode": "Successful"},
    {"ActivityId": "e", "StartTime": 900, "EndTime": 910, "StatusCode": "Failed"},
]


def test_what_is_in_progress_comes_first_however_old_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """DescribeScalingActivities: "Activities still in progress are described first"."""
    from datetime import UTC, datetime

    def times(one: dict[str, Any]) -> dict[str, Any]:
        moments = {key: datetime.fromtimestamp(one[key], UTC) for key in ("StartTime", "EndTime") if key in one}
        return one | moments | {"Description": "Launching a new EC2 instance"}

    asked: list[str] = []

    def page(cloud: object, name: str) -> Any:
        for one in PAGE:
            asked.append(one["ActivityId"])
            yield times(one)

    monkeypatch.setattr(autoscaling, "_activities", page)
    found = autoscaling.activities(None, "web", 1000.0)  # type: ignore[arg-type]
    assert [(a.id, a.failed) for a in found] == [("b", True), ("c", True)]
    assert asked == ["a", "b", "c", "d"], "nothing older than the run is read on"


def test_launches_out_of_a_warm_pool_are_launches() -> None:
    with rolling(2, standin={"boot": 0.05}) as world:
        scaling = world.cloud.client("autoscaling")
        scaling.put_warm_pool(AutoScalingGroupName="web", MinSize=1, MaxGroupPreparedCapacity=0, PoolState="Stopped")
        world.cloud.wait(
            lambda: [
                one
                for one in scaling.describe_warm_pool(AutoScalingGroupName="web")["Instances"]
                if one["LifecycleState"] == "Warmed:Stopped"
            ]
        )
        world.roll(instance_timeout=120)
        assert set(world.versions()) == {world.next}
        told = [one["Description"] for one in world.cloud.activities()]
        assert any(one.startswith("Launching a new EC2 instance from warm pool: i-") for one in told)
