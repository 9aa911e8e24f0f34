"""Single members: termination, standby, attaching, detaching, protection, health by hand."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, refused


@pytest.fixture
def autoscaling(cloud: Cloud) -> Any:
    return cloud.client("autoscaling")


def terminate(cloud: Cloud, instance: str, decrement: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = cloud.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=decrement
    )
    return answer["Activity"]


def lifecycle(cloud: Cloud, instance: str) -> str:
    return next((str(one["LifecycleState"]) for one in cloud.group()["Instances"] if one["InstanceId"] == instance), "gone")


def test_without_decrement_it_drains_while_its_replacement_comes(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=2, delay=100)
    instance = cloud.members()[0]
    with cloud.standin.held():
        activity = terminate(cloud, instance)
        assert activity["StatusCode"] == "WaitingForELBConnectionDraining"
        assert lifecycle(cloud, instance) == "Terminating"
        assert cloud.health(fleet)[instance] == "draining"
        assert cloud.instance(instance)["State"]["Name"] == "running"  # it goes on serving what it has
    cloud.wait(lambda: len(cloud.group()["Instances"]) == 3)
    assert cloud.group()["DesiredCapacity"] == 2
    cloud.wait(lambda: lifecycle(cloud, instance) == "gone" and len(cloud.healthy(fleet)) == 2)
    assert cloud.instance(instance)["State"]["Name"] == "terminated"


def test_with_decrement_nothing_comes(cloud: Cloud) -> None:
    cloud.build_fleet(desired=2)
    instance = cloud.members()[0]
    assert "shrinking the capacity from 2 to 1" in terminate(cloud, instance, decrement=True)["Cause"]
    cloud.wait(lambda: lifecycle(cloud, instance) == "gone")
    assert cloud.group()["DesiredCapacity"] == len(cloud.group()["Instances"]) == 1


def test_decrement_is_refused_at_the_minimum(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=1, least=1)
    params = {"InstanceId": cloud.members()[0], "ShouldDecrementDesiredCapacity": True}
    code, message = refused(autoscaling.terminate_instance_in_auto_scaling_group, **params)
    assert code == "ValidationError"
    assert message.startswith("Currently, desiredSize equals minSize (1).")


def test_it_ignores_scale_in_protection(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=1)
    instance = cloud.members()[0]
    autoscaling.set_instance_protection(AutoScalingGroupName="web", InstanceIds=[instance], ProtectedFromScaleIn=True)
    terminate(cloud, instance)
    cloud.wait(lambda: lifecycle(cloud, instance) == "gone")


def test_one_that_leaves_already_is_an_activity_in_progress(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=1, delay=1000)
    instance = cloud.members()[0]
    terminate(cloud, instance)
    params = {"InstanceId": instance, "ShouldDecrementDesiredCapacity": False}
    assert refused(autoscaling.terminate_instance_in_auto_scaling_group, **params)[0] == "ScalingActivityInProgress"


def test_an_instance_of_no_group_is_refused(cloud: Cloud, autoscaling: Any) -> None:
    params = {"InstanceId": "i-0123456789abcdef0", "ShouldDecrementDesiredCapacity": False}
    code, message = refused(autoscaling.terminate_instance_in_auto_scaling_group, **params)
    assert (code, "No managed instance found" in message) == ("ValidationError", True)


@pytest.mark.parametrize("decrement", [True, False])
def test_standby_drains_does_not_count_and_is_not_checked(cloud: Cloud, autoscaling: Any, decrement: bool) -> None:
    fleet = cloud.build_fleet(desired=2)
    instance = cloud.members()[0]
    with cloud.standin.held():
        autoscaling.enter_standby(AutoScalingGroupName="web", InstanceIds=[instance], ShouldDecrementDesiredCapacity=decrement)
        assert lifecycle(cloud, instance) == "EnteringStandby"
    cloud.wait(lambda: lifecycle(cloud, instance) == "Standby")
    assert instance not in cloud.health(fleet)
    cloud.control("break", {"instance": instance, "fault": "error"})
    wanted = 1 if decrement else 2
    assert cloud.group()["DesiredCapacity"] == wanted
    cloud.wait(lambda: len(cloud.healthy(fleet)) == wanted)
    cloud.control("break", {"instance": instance, "fault": None})
    autoscaling.exit_standby(AutoScalingGroupName="web", InstanceIds=[instance])
    cloud.wait(lambda: len(cloud.healthy(fleet)) == wanted + 1)
    assert cloud.group()["DesiredCapacity"] == wanted + 1


def test_standby_cannot_be_left_beyond_the_maximum(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=1, most=1)
    instance = cloud.members()[0]
    autoscaling.enter_standby(AutoScalingGroupName="web", InstanceIds=[instance], ShouldDecrementDesiredCapacity=False)
    cloud.wait(lambda: lifecycle(cloud, instance) == "Standby")
    assert refused(autoscaling.exit_standby, AutoScalingGroupName="web", InstanceIds=[instance])[0] == "ValidationError"


def test_a_detached_instance_lives_on_outside(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    instance = cloud.members()[0]
    autoscaling.detach_instances(AutoScalingGroupName="web", InstanceIds=[instance], ShouldDecrementDesiredCapacity=True)
    cloud.wait(lambda: lifecycle(cloud, instance) == "gone")
    assert cloud.instance(instance)["State"]["Name"] == "running"
    assert instance not in cloud.health(fleet)
    autoscaling.attach_instances(AutoScalingGroupName="web", InstanceIds=[instance])
    cloud.wait(lambda: cloud.healthy(fleet) == [instance])
    assert cloud.group()["DesiredCapacity"] == 1
    code, _ = refused(autoscaling.attach_instances, AutoScalingGroupName="web", InstanceIds=[instance])
    assert code == "ValidationError"


def test_health_by_hand_leads_to_a_replacement(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    instance = cloud.members()[0]
    autoscaling.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy")
    cloud.wait(lambda: lifecycle(cloud, instance) == "gone" and len(cloud.healthy(fleet)) == 1)


def test_health_by_hand_respects_the_grace_period_unless_asked_not_to(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=1, HealthCheckGracePeriod=36_000)
    instance = cloud.members()[0]
    autoscaling.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy")
    assert cloud.group()["Instances"][0]["HealthStatus"] == "Healthy"
    autoscaling.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    cloud.wait(lambda: lifecycle(cloud, instance) == "gone")


def test_members_are_described_across_groups_in_pages(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=3)
    pages = list(autoscaling.get_paginator("describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["AutoScalingInstances"]) for page in pages] == [2, 1]
    one = autoscaling.describe_auto_scaling_instances(InstanceIds=[cloud.members()[0]])["AutoScalingInstances"][0]
    assert (one["AutoScalingGroupName"], one["HealthStatus"], one["LaunchTemplate"]["Version"]) == ("web", "HEALTHY", "1")


def test_several_are_terminated_in_one_call_all_or_none(cloud: Cloud) -> None:
    cloud.build_fleet(desired=3, least=1)
    call, ids = cloud.client("autoscaling").terminate_instance_in_auto_scaling_group, cloud.members()
    assert refused(call, InstanceIds=[*ids[:1], "i-0"], AutoScalingGroupName="web", ShouldDecrementDesiredCapacity=False)[0] == (
        "ValidationError"
    )
    assert refused(call, InstanceIds=ids, AutoScalingGroupName="web", ShouldDecrementDesiredCapacity=True)[0] == "ValidationError"
    assert cloud.members() == ids and cloud.group()["DesiredCapacity"] == 3
    answer = call(InstanceIds=ids[:2], AutoScalingGroupName="web", ShouldDecrementDesiredCapacity=True)
    assert len(answer["Activities"]) == 2 and cloud.group()["DesiredCapacity"] == 1
    cloud.control("options", {"terminate_many": False})
    assert refused(call, InstanceIds=ids[2:], AutoScalingGroupName="web", ShouldDecrementDesiredCapacity=False)[0] == (
        "ValidationError"
    )
