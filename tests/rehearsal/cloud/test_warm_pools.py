"""Warm pools: instances that wait beside the group, and come into service with the version they were made of."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused


@pytest.fixture
def scaling(cloud: Cloud) -> Any:
    return cloud.client("autoscaling")


def pool(cloud: Cloud, size: int, state: str = "Stopped") -> list[str]:
    """Make a pool and wait until so many are ready; return their ids."""
    scaling = cloud.client("autoscaling")
    scaling.put_warm_pool(AutoScalingGroupName="web", MinSize=size, MaxGroupPreparedCapacity=0, PoolState=state)
    return cloud.wait(lambda: len(found := warmed(cloud, f"Warmed:{state}")) == size and found)  # type: ignore[no-any-return]


def warmed(cloud: Cloud, state: str = "Warmed:Stopped") -> list[str]:
    shown = cloud.client("autoscaling").describe_warm_pool(AutoScalingGroupName="web")["Instances"]
    return [one["InstanceId"] for one in shown if one["LifecycleState"] == state]


def grow(cloud: Cloud, count: int) -> None:
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=count)


def point_at(cloud: Cloud, fleet: Fleet, version: str) -> None:
    template = {"LaunchTemplateId": fleet.template, "Version": version}
    cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template)


def test_the_pool_s_instances_are_stopped_not_in_the_group_and_in_no_target_group(cloud: Cloud, scaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    waiting = pool(cloud, 2)
    assert not set(waiting) & set(cloud.members(lifecycle=""))
    assert not set(waiting) & set(cloud.health(fleet))
    assert {cloud.instance(one)["State"]["Name"] for one in waiting} == {"stopped"}
    assert cloud.group()["WarmPoolSize"] == 2
    assert cloud.group()["WarmPoolConfiguration"]["PoolState"] == "Stopped"
    shown = scaling.describe_auto_scaling_instances(InstanceIds=waiting[:1])["AutoScalingInstances"][0]
    assert shown["LifecycleState"] == "Warmed:Stopped"
    into = [one for one in cloud.activities() if one["Description"].startswith("Launching a new EC2 instance into warm pool: i-")]
    assert len(into) == 2


def test_a_launch_is_drawn_from_the_pool_with_its_old_version_and_the_pool_is_filled_up(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=0)
    waiting = pool(cloud, 1)
    point_at(cloud, fleet, cloud.new_version(fleet, cloud.build_image("second", "v2")))
    grow(cloud, 1)
    assert cloud.wait(lambda: cloud.healthy(fleet)) == waiting
    member = cloud.group()["Instances"][0]
    assert member["LaunchTemplate"]["Version"] == "1"
    assert cloud.hosts.revision(waiting[0]) == "v1"
    description = f"Launching a new EC2 instance from warm pool: {waiting[0]}"
    assert description in [one["Description"] for one in cloud.activities()]
    assert cloud.wait(lambda: warmed(cloud)) != waiting
    grow(cloud, 2)
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 2)
    assert {one["LaunchTemplate"]["Version"] for one in cloud.group()["Instances"]} == {"1", "2"}


@pytest.mark.parametrize(("takes", "version"), [("oldest", "1"), ("newest", "2")])
def test_which_of_the_pool_comes_first_is_a_switch(cloud: Cloud, takes: str, version: str) -> None:
    fleet = cloud.build_fleet(desired=0, zones=1)
    pool(cloud, 1)
    point_at(cloud, fleet, cloud.new_version(fleet, cloud.build_image("second", "v2")))
    pool(cloud, 2)
    cloud.control("options", {"warm_pool_takes": takes})
    grow(cloud, 1)
    cloud.wait(lambda: cloud.healthy(fleet))
    assert cloud.group()["Instances"][0]["LaunchTemplate"]["Version"] == version


def test_without_bounds_the_pool_fills_the_group_up_to_its_maximum(cloud: Cloud, scaling: Any) -> None:
    cloud.build_fleet(desired=1, most=3)
    scaling.put_warm_pool(AutoScalingGroupName="web", PoolState="Running")
    cloud.wait(lambda: len(warmed(cloud, "Warmed:Running")) == 2)
    grow(cloud, 2)
    cloud.wait(lambda: len(cloud.members()) == 2 and len(warmed(cloud, "Warmed:Running")) == 1)


def test_a_refresh_replaces_the_pool_too(cloud: Cloud, scaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    before = pool(cloud, 1)
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    template = {"LaunchTemplateId": fleet.template, "Version": version}
    scaling.start_instance_refresh(
        AutoScalingGroupName="web", DesiredConfiguration={"LaunchTemplate": template}, Preferences={"InstanceWarmup": 0}
    )
    cloud.wait(lambda: [cloud.hosts.revision(one) for one in cloud.members()] == ["v2"] and warmed(cloud) not in ([], before))


def test_a_pool_is_deleted_with_its_instances(cloud: Cloud, scaling: Any) -> None:
    cloud.build_fleet(desired=0)
    assert refused(scaling.delete_warm_pool, AutoScalingGroupName="web")[0] == "ValidationError"
    waiting = pool(cloud, 1)
    assert refused(scaling.delete_auto_scaling_group, AutoScalingGroupName="web")[0] == "ResourceInUse"
    scaling.delete_warm_pool(AutoScalingGroupName="web")
    assert cloud.group()["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    cloud.wait(lambda: "WarmPoolConfiguration" not in cloud.group())
    assert cloud.instance(waiting[0])["State"]["Name"] == "terminated"


def test_the_pool_s_instances_end_by_ec2_alone_and_the_group_fills_it_up_with_its_version(cloud: Cloud, scaling: Any) -> None:
    """TerminateInstanceInAutoScalingGroup "cannot be called on instances in a warm pool"; health checks find what ended."""
    fleet = cloud.build_fleet(desired=0)
    waiting = pool(cloud, 1)
    call = scaling.terminate_instance_in_auto_scaling_group
    assert refused(call, InstanceId=waiting[0], ShouldDecrementDesiredCapacity=False)[0] == "ValidationError"
    point_at(cloud, fleet, cloud.new_version(fleet, cloud.build_image("second", "v2")))
    cloud.client("ec2").terminate_instances(InstanceIds=waiting)
    filled = cloud.wait(lambda: (found := warmed(cloud)) and found != waiting and found)
    assert cloud.hosts.revision(filled[0]) == "v2"


def test_what_is_scaled_in_returns_to_the_pool_where_it_is_reused(cloud: Cloud, scaling: Any) -> None:
    cloud.build_fleet(desired=2)
    policy = {"ReuseOnScaleIn": True}
    scaling.put_warm_pool(AutoScalingGroupName="web", MaxGroupPreparedCapacity=2, InstanceReusePolicy=policy)
    assert cloud.group()["WarmPoolConfiguration"]["InstanceReusePolicy"] == policy
    before = set(cloud.members())
    grow(cloud, 1)
    returned = cloud.wait(lambda: warmed(cloud))
    assert set(returned) < before and cloud.instance(returned[0])["State"]["Name"] == "stopped"
