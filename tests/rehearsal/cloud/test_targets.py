"""Target health: real HTTP checks, thresholds, draining, fail open."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused, stand_in


@pytest.fixture
def fleet(cloud: Cloud) -> Fleet:
    return cloud.build_fleet(desired=2, health_type="EC2")


def described(cloud: Cloud, fleet: Fleet, instance: str) -> dict[str, Any]:
    shown = cloud.client("elbv2").describe_target_health(TargetGroupArn=fleet.target_group, Targets=[{"Id": instance}])
    return shown["TargetHealthDescriptions"][0]["TargetHealth"]


def routed(cloud: Cloud, fleet: Fleet) -> set[str]:
    return {address for address, _ in cloud.standin.routes(fleet.target_group).routable()}


def address(cloud: Cloud, instance: str) -> str:
    return str(cloud.instance(instance)["PrivateIpAddress"])


@pytest.fixture
def hasty() -> Iterator[Cloud]:
    """A cloud whose checks wait no longer for an answer than the target group says."""
    with stand_in(check_timeout_floor=0.5) as running:
        yield running


@pytest.fixture
def slow_app() -> Iterator[Cloud]:
    with stand_in(app_start=1.5) as running:
        yield running


def test_a_new_target_is_initial_until_it_answers_and_needs_one_pass_only(slow_app: Cloud) -> None:
    fleet = slow_app.build_fleet(desired=0)
    slow_app.client("elbv2").modify_target_group(
        TargetGroupArn=fleet.target_group, HealthyThresholdCount=10, UnhealthyThresholdCount=10, HealthCheckIntervalSeconds=50
    )
    slow_app.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    instance = slow_app.wait(slow_app.members)[0]
    assert slow_app.group()["Instances"][0]["HealthStatus"] == "Healthy"  # says nothing of readiness
    seen = []

    def passed() -> bool:
        seen.append(slow_app.health(fleet)[instance])
        return seen[-1] == "healthy"

    slow_app.wait(passed)
    assert set(seen) == {"initial", "healthy"}
    target = slow_app.standin.world.targets.find(fleet.target_group, instance)
    assert target is not None
    assert target.passes < 10


def test_a_target_whose_app_fails_falls_after_the_threshold_with_the_reason(cloud: Cloud, fleet: Fleet) -> None:
    instance = cloud.members()[0]
    cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: cloud.health(fleet)[instance] == "unhealthy")
    health = described(cloud, fleet, instance)
    assert health["Reason"] == "Target.ResponseCodeMismatch"
    assert health["Description"] == "Health checks failed with these codes: [500]"
    assert routed(cloud, fleet) == {address(cloud, one) for one in cloud.members() if one != instance}


def test_a_fallen_target_comes_back_after_the_healthy_threshold(cloud: Cloud, fleet: Fleet) -> None:
    instance = cloud.members()[0]
    elb = cloud.client("elbv2")
    elb.modify_target_group(TargetGroupArn=fleet.target_group, HealthyThresholdCount=10)
    cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: cloud.health(fleet)[instance] == "unhealthy")
    target = cloud.standin.world.targets.find(fleet.target_group, instance)
    assert target is not None
    became: list[tuple[str, int]] = []
    change = target.become

    def noted(state: str, *why: str) -> None:
        became.append((state, target.passes))
        change(state, *why)

    target.become = noted  # type: ignore[method-assign]
    cloud.control("break", {"instance": instance, "fault": None})
    cloud.wait(lambda: cloud.health(fleet)[instance] == "healthy")
    assert ("healthy", 10) in became and not [passes for state, passes in became if state == "healthy" and passes < 10]


def test_a_host_that_refuses_and_one_that_never_answers_fail_differently(hasty: Cloud) -> None:
    cloud, fleet = hasty, hasty.build_fleet(desired=2, health_type="EC2")
    dead, silent = cloud.members()
    cloud.control("break", {"instance": dead, "fault": "dead"})
    cloud.control("break", {"instance": silent, "fault": "silent"})
    cloud.wait(lambda: set(cloud.health(fleet).values()) == {"unhealthy"})
    assert described(cloud, fleet, dead)["Reason"] == "Target.FailedHealthChecks"
    assert described(cloud, fleet, silent)["Reason"] == "Target.Timeout"


def test_with_all_unhealthy_it_fails_open(cloud: Cloud, fleet: Fleet) -> None:
    for instance in cloud.members():
        cloud.control("break", {"instance": instance, "fault": "error"})
    cloud.wait(lambda: set(cloud.health(fleet).values()) == {"unhealthy"})
    cloud.wait(lambda: routed(cloud, fleet) == {address(cloud, one) for one in cloud.members()})


@pytest.mark.parametrize(("matcher", "state"), [("200-299", "healthy"), ("200,404", "healthy"), ("500", "unhealthy")])
def test_the_matcher_decides_which_status_passes(cloud: Cloud, matcher: str, state: str) -> None:
    vpc, subnets, _ = cloud.build_network(1)
    arn = cloud.build_target_group(vpc, Matcher={"HttpCode": matcher})
    cloud._balancer("web", subnets, [arn])
    reservation = cloud.client("ec2").run_instances(
        ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnets[0], MinCount=1, MaxCount=1
    )
    instance = reservation["Instances"][0]["InstanceId"]
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")
    cloud.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": instance}])

    def now() -> str:
        shown = cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return str(shown[0]["TargetHealth"]["State"])

    cloud.wait(lambda: now() == state)


def test_the_path_is_really_asked(cloud: Cloud, fleet: Fleet) -> None:
    cloud.client("elbv2").modify_target_group(TargetGroupArn=fleet.target_group, HealthCheckPath="/nowhere")
    cloud.wait(lambda: set(cloud.health(fleet).values()) == {"unhealthy"})


def test_a_deregistered_target_drains_for_the_whole_delay_then_is_unused(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2, delay=1000)
    instance = cloud.members()[0]
    elb = cloud.client("elbv2")
    elb.deregister_targets(TargetGroupArn=fleet.target_group, Targets=[{"Id": instance}])
    assert described(cloud, fleet, instance)["State"] == "draining"
    assert described(cloud, fleet, instance)["Reason"] == "Target.DeregistrationInProgress"
    cloud.wait(lambda: address(cloud, instance) not in routed(cloud, fleet))
    assert described(cloud, fleet, instance)["State"] == "draining"  # though it gets nothing new
    cloud.control("advance", {"seconds": 1000})
    cloud.wait(lambda: described(cloud, fleet, instance)["State"] == "unused")
    assert described(cloud, fleet, instance)["Reason"] == "Target.NotRegistered"
    assert instance not in cloud.health(fleet)


def test_a_target_deregistered_by_hand_keeps_its_instance(cloud: Cloud, fleet: Fleet) -> None:
    instance = cloud.members()[0]
    cloud.client("elbv2").deregister_targets(TargetGroupArn=fleet.target_group, Targets=[{"Id": instance}])
    cloud.wait(lambda: instance not in cloud.health(fleet))
    turns = cloud.standin.world.calls.total
    cloud.wait(lambda: cloud.members() and cloud.standin.world.calls.total > turns + 5)
    assert instance in cloud.members()


def test_the_switch_replaces_the_instance_of_a_target_deregistered_by_hand() -> None:
    with stand_in(replace_deregistered=True) as cloud:
        fleet = cloud.build_fleet(desired=2)
        instance = cloud.members()[0]
        cloud.client("elbv2").deregister_targets(TargetGroupArn=fleet.target_group, Targets=[{"Id": instance}])
        cloud.wait(lambda: instance not in cloud.members(lifecycle="") and len(cloud.healthy(fleet)) == 2)


def test_registering_a_draining_target_begins_anew(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1, delay=1000)
    instance = cloud.members()[0]
    targets = [{"Id": instance}]
    elb = cloud.client("elbv2")
    with cloud.standin.held():
        elb.deregister_targets(TargetGroupArn=fleet.target_group, Targets=targets)
        elb.register_targets(TargetGroupArn=fleet.target_group, Targets=targets)
        assert described(cloud, fleet, instance)["State"] == "initial"
    cloud.wait(lambda: described(cloud, fleet, instance)["State"] == "healthy")


def test_a_target_group_without_a_balancer_is_unused_and_not_checked(cloud: Cloud, fleet: Fleet) -> None:
    lonely = cloud.build_target_group(fleet.vpc, "lonely")
    instance = cloud.members()[0]
    elb = cloud.client("elbv2")
    elb.register_targets(TargetGroupArn=lonely, Targets=[{"Id": instance}])

    def state() -> dict[str, Any]:
        return elb.describe_target_health(TargetGroupArn=lonely)["TargetHealthDescriptions"][0]["TargetHealth"]

    assert cloud.wait(lambda: state()["State"] == "unused" and state())["Reason"] == "Target.NotInUse"


def test_a_stopped_instance_is_unused(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1, health_type="EC2")
    autoscaling = cloud.client("autoscaling")
    autoscaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
    instance = cloud.members()[0]
    cloud.client("ec2").stop_instances(InstanceIds=[instance])
    cloud.wait(lambda: described(cloud, fleet, instance).get("Reason") == "Target.InvalidState")
    assert described(cloud, fleet, instance)["State"] == "unused"


def test_what_cannot_be_registered_is_refused(cloud: Cloud, fleet: Fleet) -> None:
    elb = cloud.client("elbv2")
    targets = {"TargetGroupArn": fleet.target_group, "Targets": [{"Id": "i-0123456789abcdef0"}]}
    assert refused(elb.register_targets, **targets)[0] == "InvalidTarget"
    elb.deregister_targets(**targets)
    assert cloud.health(fleet).keys() == set(cloud.members())
    unknown = fleet.target_group + "0"
    assert refused(elb.describe_target_health, TargetGroupArn=unknown)[0] == "TargetGroupNotFound"


def test_the_default_deregistration_delay_is_300_seconds(cloud: Cloud) -> None:
    vpc, _, _ = cloud.build_network(1)
    elb = cloud.client("elbv2")
    made = elb.create_target_group(Name="plain", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    attributes = elb.describe_target_group_attributes(TargetGroupArn=made["TargetGroupArn"])["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "300"} in attributes


def test_a_target_in_a_zone_that_the_balancer_has_not_is_unused(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2, zones=2)
    balancer = cloud.standin.world.moto.elbv2.load_balancers[fleet.load_balancer]
    balancer.subnets = [subnet for subnet in balancer.subnets if subnet.id == fleet.subnets[0]]
    outside = next(one for one in cloud.members() if cloud.instance(one)["Placement"]["AvailabilityZone"].endswith("b"))
    cloud.wait(lambda: described(cloud, fleet, outside)["State"] == "unused")
    health = described(cloud, fleet, outside)
    assert (health["Reason"], "Availability Zone that is not enabled" in health["Description"]) == ("Target.NotInUse", True)


def test_only_target_groups_of_instances_are_attached(cloud: Cloud, fleet: Fleet) -> None:
    elb, autoscaling = cloud.client("elbv2"), cloud.client("autoscaling")
    made = elb.create_target_group(Name="addresses", Protocol="HTTP", Port=80, VpcId=fleet.vpc, TargetType="ip")["TargetGroups"][
        0
    ]
    attach = {"AutoScalingGroupName": "web", "TargetGroupARNs": [made["TargetGroupArn"]]}
    assert refused(autoscaling.attach_load_balancer_target_groups, **attach)[0] == "ValidationError"
