"""Lifecycle hooks: they hold instances up on the way in and on the way out."""

import re
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused

IN, OUT = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"


@pytest.fixture
def autoscaling(cloud: Cloud) -> Any:
    return cloud.client("autoscaling")


@pytest.fixture
def fleet(cloud: Cloud) -> Fleet:
    return cloud.build_fleet(desired=0)


def hook(cloud: Cloud, transition: str, name: str = "hook", **more: Any) -> None:
    cloud.client("autoscaling").put_lifecycle_hook(
        LifecycleHookName=name, AutoScalingGroupName="web", LifecycleTransition=transition, **more
    )


def complete(cloud: Cloud, instance: str, result: str, name: str = "hook") -> None:
    cloud.client("autoscaling").complete_lifecycle_action(
        LifecycleHookName=name, AutoScalingGroupName="web", LifecycleActionResult=result, InstanceId=instance
    )


def grow(cloud: Cloud, count: int = 1) -> None:
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=count)


def waiting(cloud: Cloud, state: str) -> str:
    """Wait until an instance is in this state; return its id."""
    return str(cloud.wait(lambda: cloud.members(lifecycle=state))[0])


def test_a_launch_hook_delays_in_service_and_the_registration(cloud: Cloud, fleet: Fleet) -> None:
    hook(cloud, IN)
    grow(cloud)
    instance = waiting(cloud, "Pending:Wait")
    assert cloud.health(fleet) == {}
    assert cloud.activities()[0]["StatusCode"] == "MidLifecycleAction"
    complete(cloud, instance, "CONTINUE")
    cloud.wait(lambda: cloud.healthy(fleet) == [instance])


def test_an_abandoned_launch_is_terminated_replaced_and_cancelled(cloud: Cloud, fleet: Fleet) -> None:
    hook(cloud, IN)
    grow(cloud)
    instance = waiting(cloud, "Pending:Wait")
    complete(cloud, instance, "ABANDON")
    cloud.wait(lambda: instance not in cloud.members(lifecycle=""))
    assert waiting(cloud, "Pending:Wait") != instance
    launch = next(one for one in cloud.activities() if one["Description"].startswith(f"Launching a new EC2 instance: {instance}"))
    assert launch["StatusCode"] == "Cancelled"
    words = "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token .* was abandoned: Lifecycle Action"
    assert re.search(words, launch["StatusMessage"])


def test_an_abandoned_termination_is_retained_where_the_group_s_policy_says_so(cloud: Cloud, autoscaling: Any) -> None:
    policy = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
    fleet = cloud.build_fleet(desired=2, InstanceLifecyclePolicy=policy)
    assert cloud.group()["InstanceLifecyclePolicy"] == policy
    hook(cloud, OUT)
    kept, gone = cloud.members()
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=kept, ShouldDecrementDesiredCapacity=True)
    waiting(cloud, "Terminating:Wait")
    complete(cloud, kept, "ABANDON")
    assert cloud.members(lifecycle="Terminating:Retained") == [kept]
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=gone, ShouldDecrementDesiredCapacity=True)
    waiting(cloud, "Terminating:Wait")
    complete(cloud, gone, "CONTINUE")
    cloud.wait(lambda: cloud.members(lifecycle="") == [kept])
    assert cloud.instance(kept)["State"]["Name"] == "running"
    autoscaling.terminate_instance_in_auto_scaling_group(InstanceId=kept, ShouldDecrementDesiredCapacity=False)
    cloud.wait(lambda: cloud.members(lifecycle="") == [])
    assert fleet.group == "web"


@pytest.mark.parametrize(("default", "stays"), [("CONTINUE", True), ("ABANDON", False)])
def test_the_default_result_counts_when_the_heartbeat_runs_out(cloud: Cloud, fleet: Fleet, default: str, stays: bool) -> None:
    hook(cloud, IN, HeartbeatTimeout=3600, DefaultResult=default)
    grow(cloud)
    instance = waiting(cloud, "Pending:Wait")
    cloud.control("advance", {"seconds": 3601})
    cloud.wait(lambda: (instance in cloud.members()) if stays else (instance not in cloud.members(lifecycle="")))


def test_a_heartbeat_prolongs_the_wait(cloud: Cloud, fleet: Fleet, autoscaling: Any) -> None:
    hook(cloud, IN, HeartbeatTimeout=3600, DefaultResult="CONTINUE")
    grow(cloud)
    instance = waiting(cloud, "Pending:Wait")
    cloud.control("advance", {"seconds": 3000})
    autoscaling.record_lifecycle_action_heartbeat(LifecycleHookName="hook", AutoScalingGroupName="web", InstanceId=instance)
    cloud.control("advance", {"seconds": 3000})
    assert cloud.members(lifecycle="Pending:Wait") == [instance]
    cloud.control("advance", {"seconds": 3000})
    cloud.wait(lambda: cloud.members() == [instance])


def test_all_hooks_must_be_completed(cloud: Cloud, fleet: Fleet) -> None:
    hook(cloud, IN, "one")
    hook(cloud, IN, "two")
    grow(cloud)
    instance = waiting(cloud, "Pending:Wait")
    complete(cloud, instance, "CONTINUE", "one")
    assert cloud.members(lifecycle="Pending:Wait") == [instance]
    complete(cloud, instance, "CONTINUE", "two")
    cloud.wait(lambda: cloud.members() == [instance])


@pytest.mark.parametrize("result", ["CONTINUE", "ABANDON"])
def test_a_terminate_hook_runs_after_the_drain_and_either_answer_ends_it(cloud: Cloud, fleet: Fleet, result: str) -> None:
    grow(cloud)
    instance = cloud.wait(lambda: cloud.healthy(fleet))[0]
    hook(cloud, OUT)
    grow(cloud, 0)
    cloud.wait(lambda: cloud.members(lifecycle="Terminating:Wait"))
    assert instance not in cloud.health(fleet)
    assert cloud.instance(instance)["State"]["Name"] == "running"
    complete(cloud, instance, result)
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "terminated")


def test_deleting_a_hook_lets_go_who_waits_for_it(cloud: Cloud, fleet: Fleet, autoscaling: Any) -> None:
    hook(cloud, IN, DefaultResult="CONTINUE")
    grow(cloud)
    instance = waiting(cloud, "Pending:Wait")
    autoscaling.delete_lifecycle_hook(LifecycleHookName="hook", AutoScalingGroupName="web")
    cloud.wait(lambda: cloud.members() == [instance])
    assert autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"] == []


def test_hooks_wait_an_hour_and_abandon_by_default(cloud: Cloud, fleet: Fleet, autoscaling: Any) -> None:
    hook(cloud, IN)
    shown = autoscaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"][0]
    assert (shown["HeartbeatTimeout"], shown["GlobalTimeout"], shown["DefaultResult"]) == (3600, 172_800, "ABANDON")


def test_nobody_waits_so_completing_is_refused(cloud: Cloud, fleet: Fleet, autoscaling: Any) -> None:
    params = {"LifecycleHookName": "hook", "AutoScalingGroupName": "web", "InstanceId": "i-0123456789abcdef0"}
    code, message = refused(autoscaling.complete_lifecycle_action, LifecycleActionResult="CONTINUE", **params)
    assert (code, message.startswith("No active Lifecycle Action found")) == ("ValidationError", True)
    assert refused(autoscaling.record_lifecycle_action_heartbeat, **params)[0] == "ValidationError"
