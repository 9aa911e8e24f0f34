"""What the group does about the unhealthy, and about its zones; and what it tells of it."""

from typing import Any

import pytest

from tests.rehearsal.cloud.turns import settled, some_turns, suspend, zones
from tests.rehearsal.standin import Cloud, Fleet, stand_in


def gone(cloud: Cloud, instance: str) -> bool:
    return instance not in cloud.members(lifecycle="")


def test_an_instance_that_died_is_replaced(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    instance = cloud.members()[0]
    cloud.control("kill", {"instance": instance})
    cloud.wait(lambda: gone(cloud, instance) and len(cloud.healthy(fleet)) == 2)
    assert instance not in cloud.health(fleet)
    causes = " ".join(one["Cause"] for one in cloud.activities())
    assert "an EC2 health check indicating it has been terminated or stopped" in causes
    assert "an instance was launched in response to an unhealthy instance needing to be replaced" in causes


def test_elb_health_replaces_what_was_healthy_once(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    instance = cloud.members()[0]
    cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: gone(cloud, instance) and len(cloud.healthy(fleet)) == 2)
    assert "an ELB system health check failure" in " ".join(one["Cause"] for one in cloud.activities())


def test_ec2_health_does_not_ask_the_balancer(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2, health_type="EC2")
    instance = cloud.members()[0]
    cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: cloud.health(fleet)[instance] == "unhealthy")
    some_turns(cloud)
    assert instance in cloud.members()


def test_elb_health_waits_for_the_grace_period(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1, HealthCheckGracePeriod=36_000)
    instance = cloud.members()[0]
    cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: cloud.health(fleet)[instance] == "unhealthy")
    some_turns(cloud)
    assert cloud.members() == [instance]
    cloud.control("advance", {"seconds": 36_000})
    cloud.wait(lambda: gone(cloud, instance))


@pytest.mark.parametrize("replaced", [False, True])
def test_one_that_was_never_healthy_stays_unless_the_switch_is_on(replaced: bool) -> None:
    with stand_in(replace_never_healthy=replaced) as cloud:
        fleet = cloud.build_fleet(desired=0)
        cloud.control("faults", {"images": {fleet.image: "error"}})
        cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
        instance = cloud.wait(cloud.members)[0]
        if replaced:
            cloud.wait(lambda: gone(cloud, instance))
        else:
            cloud.wait(lambda: cloud.health(fleet)[instance] == "unhealthy")
            some_turns(cloud)
            assert cloud.members() == [instance]


def test_the_default_is_to_terminate_first(cloud: Cloud) -> None:
    cloud.build_fleet(desired=1, delay=200)
    instance = cloud.members()[0]
    cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: cloud.members(lifecycle="Terminating") == [instance])


def test_a_maintenance_policy_launches_first(cloud: Cloud) -> None:
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}
    fleet = cloud.build_fleet(desired=1, InstanceMaintenancePolicy=policy)
    assert cloud.group()["InstanceMaintenancePolicy"] == policy
    instance = cloud.members()[0]
    cloud.control("break", {"instance": instance, "fault": "error"})
    seen: list[set[str]] = []

    def replaced() -> bool:
        seen.append({one["InstanceId"] for one in cloud.group()["Instances"] if one["LifecycleState"] == "InService"})
        return gone(cloud, instance) and len(cloud.healthy(fleet)) == 1

    cloud.wait(replaced)
    assert all(seen)  # never without an instance in service


def test_detaching_from_a_zone_sets_rebalancing_off_and_it_launches_first(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=4, zones=2)
    autoscaling = cloud.client("autoscaling")
    in_a = [one["InstanceId"] for one in cloud.group()["Instances"] if one["AvailabilityZone"].endswith("a")]
    autoscaling.detach_instances(AutoScalingGroupName="web", InstanceIds=in_a, ShouldDecrementDesiredCapacity=True)
    least = []

    def balanced() -> bool:
        least.append(len(cloud.members()))
        return sorted(zones(cloud).values()) == [1, 1] and settled(cloud, 2)

    cloud.wait(balanced)
    assert min(least) >= 2
    assert any("to balance instances in zone" in one["Cause"] for one in cloud.activities())
    assert len(cloud.healthy(fleet)) == 2


def test_suspended_rebalancing_leaves_the_zones_as_they_are(cloud: Cloud) -> None:
    cloud.build_fleet(desired=4, zones=2)
    suspend(cloud, "AZRebalance")
    in_a = [one["InstanceId"] for one in cloud.group()["Instances"] if one["AvailabilityZone"].endswith("a")]
    cloud.client("autoscaling").detach_instances(
        AutoScalingGroupName="web", InstanceIds=in_a, ShouldDecrementDesiredCapacity=True
    )
    cloud.wait(lambda: settled(cloud, 2))
    some_turns(cloud)
    assert list(zones(cloud).values()) == [2]


def test_with_terminate_suspended_rebalancing_grows_the_group_beyond_its_maximum_by_a_tenth(cloud: Cloud) -> None:
    cloud.build_fleet(desired=4, most=4, zones=2)
    suspend(cloud, "Terminate")
    in_a = [one["InstanceId"] for one in cloud.group()["Instances"] if one["AvailabilityZone"].endswith("a")]
    autoscaling = cloud.client("autoscaling")
    autoscaling.detach_instances(AutoScalingGroupName="web", InstanceIds=in_a, ShouldDecrementDesiredCapacity=True)
    autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", MaxSize=2)
    cloud.wait(lambda: settled(cloud, 3))
    some_turns(cloud, 12)
    assert settled(cloud, 3)
    assert cloud.group()["DesiredCapacity"] == 2


def test_every_launch_and_termination_is_listed_with_its_cause(cloud: Cloud) -> None:
    cloud.build_fleet(desired=1)
    autoscaling = cloud.client("autoscaling")
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    cloud.wait(lambda: settled(cloud, 2))
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    cloud.wait(lambda: settled(cloud, 1))
    newest, grown, first = cloud.activities()
    assert newest["Description"].startswith("Terminating EC2 instance: i-")
    assert "shrinking the capacity from 2 to 1" in newest["Cause"]
    assert "was selected for termination" in newest["Cause"]
    assert "a user request explicitly set group desired capacity changing the desired capacity from 1 to 2" in grown["Cause"]
    assert "increasing the capacity from 1 to 2" in grown["Cause"]
    assert first["Description"].startswith("Launching a new EC2 instance: i-")
    for activity in (newest, grown, first):
        assert (activity["StatusCode"], activity["Progress"]) == ("Successful", 100)
        assert activity["EndTime"] >= activity["StartTime"]
    pages = autoscaling.get_paginator("describe_scaling_activities").paginate(
        AutoScalingGroupName="web", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Activities"]) for page in pages] == [2, 1]


def failure(cloud: Cloud) -> dict[str, Any]:
    """Wait for a failed activity and return it."""
    return cloud.wait(lambda: [one for one in cloud.activities() if one["StatusCode"] == "Failed"])[0]  # type: ignore[no-any-return]


def test_a_launch_without_capacity_fails_in_aws_s_words_and_is_tried_elsewhere(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=0)
    cloud.control("faults", {"no_capacity": 1})
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    message = failure(cloud)["StatusMessage"]
    assert message.startswith("We currently do not have sufficient t3.small capacity in the Availability Zone you requested")
    assert message.endswith("Launching EC2 instance failed.")
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 1)
    assert list(zones(cloud)) == ["b"]


def test_a_launch_of_a_missing_image_fails_for_ever(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1)
    version = cloud.new_version(fleet, "ami-00000000000000000")
    cloud.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": fleet.template, "Version": version}, DesiredCapacity=2
    )
    assert "The image id '[ami-00000000000000000]' does not exist" in failure(cloud)["StatusMessage"]
    cloud.wait(lambda: len([one for one in cloud.activities() if one["StatusCode"] == "Failed"]) >= 2)
    assert len(cloud.healthy(fleet)) == 1


def test_an_instance_of_an_image_that_never_boots_is_never_healthy(cloud: Cloud) -> None:
    fleet: Fleet = cloud.build_fleet(desired=0)
    cloud.control("faults", {"images": {fleet.image: "dead"}})
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    instance = cloud.wait(cloud.members)[0]
    cloud.wait(lambda: cloud.health(fleet)[instance] == "unhealthy")
    assert cloud.instance(instance)["State"]["Name"] == "running"
