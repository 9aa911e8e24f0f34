"""Groups: sizes, zones, versions, processes, deletion."""

from typing import Any

import pytest

from tests.rehearsal.cloud.turns import settled, some_turns, suspend, zones
from tests.rehearsal.standin import Cloud, refused


@pytest.fixture
def autoscaling(cloud: Cloud) -> Any:
    return cloud.client("autoscaling")


def resume(cloud: Cloud, *processes: str) -> None:
    cloud.client("autoscaling").resume_processes(AutoScalingGroupName="web", ScalingProcesses=list(processes))


def test_instances_spread_over_the_zones(cloud: Cloud) -> None:
    cloud.build_fleet(desired=5)
    assert sorted(zones(cloud).values()) == [1, 2, 2]


def test_desired_capacity_stays_within_its_bounds(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=2, least=1, most=3)
    code, message = refused(autoscaling.set_desired_capacity, AutoScalingGroupName="web", DesiredCapacity=4)
    assert (code, "above max value 3" in message) == ("ValidationError", True)
    code, message = refused(autoscaling.set_desired_capacity, AutoScalingGroupName="web", DesiredCapacity=0)
    assert (code, "below min value 1" in message) == ("ValidationError", True)
    assert refused(autoscaling.update_auto_scaling_group, AutoScalingGroupName="web", MinSize=5)[0] == "ValidationError"


def test_new_bounds_move_desired_to_the_nearer_one(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=2, least=0, most=4)
    autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=3)
    assert cloud.group()["DesiredCapacity"] == 3
    autoscaling.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=0, MaxSize=1)
    assert cloud.group()["DesiredCapacity"] == 1
    cloud.wait(lambda: settled(cloud, 1))


def test_scaling_in_drains_first_and_keeps_the_zones_balanced(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=5, delay=250)
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    cloud.wait(lambda: "draining" in cloud.health(fleet).values())
    cloud.wait(lambda: settled(cloud, 3))
    assert sorted(zones(cloud).values()) == [1, 1, 1]


def test_protected_instances_stay_though_desired_drops(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=2)
    members = cloud.members()
    autoscaling.set_instance_protection(AutoScalingGroupName="web", InstanceIds=members, ProtectedFromScaleIn=True)
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    some_turns(cloud)
    assert cloud.group()["DesiredCapacity"] == 1
    assert sorted(cloud.members()) == sorted(members)
    autoscaling.set_instance_protection(AutoScalingGroupName="web", InstanceIds=members[:1], ProtectedFromScaleIn=False)
    cloud.wait(lambda: cloud.members(lifecycle="") == members[1:])


def test_new_instances_can_be_protected_from_the_start(cloud: Cloud) -> None:
    cloud.build_fleet(desired=1, NewInstancesProtectedFromScaleIn=True)
    assert cloud.group()["Instances"][0]["ProtectedFromScaleIn"] is True


@pytest.mark.parametrize("named", ["$Latest", "$Default", "1"])
def test_a_version_is_resolved_at_launch_and_shown_as_a_number(cloud: Cloud, autoscaling: Any, named: str) -> None:
    fleet = cloud.build_fleet(desired=1, version=named)
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    cloud.wait(lambda: settled(cloud, 2))
    shown = sorted(one["LaunchTemplate"]["Version"] for one in cloud.group()["Instances"])
    assert shown == (["1", version] if named == "$Latest" else ["1", "1"])
    assert cloud.group()["LaunchTemplate"]["Version"] == named


def test_default_changes_nothing_until_the_default_is_moved(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1, version="$Default")
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    cloud.client("ec2").modify_launch_template(LaunchTemplateId=fleet.template, DefaultVersion=version)
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    cloud.wait(lambda: settled(cloud, 2))
    assert {cloud.hosts.revision(one) for one in cloud.members()} == {"v1", "v2"}


def test_instances_bear_the_tags_of_the_group_that_are_to_be_propagated(cloud: Cloud) -> None:
    tags = [
        {"Key": "team", "Value": "shop", "PropagateAtLaunch": True},
        {"Key": "private", "Value": "yes", "PropagateAtLaunch": False},
    ]
    cloud.build_fleet(desired=1, Tags=tags)
    shown = {tag["Key"]: tag["Value"] for tag in cloud.instance(cloud.members()[0])["Tags"]}
    assert shown["team"] == "shop"
    assert shown["aws:autoscaling:groupName"] == "web"
    assert "private" not in shown


def test_without_launch_unhealthy_ones_go_and_nothing_comes(cloud: Cloud) -> None:
    cloud.build_fleet(desired=2)
    suspend(cloud, "Launch")
    cloud.control("kill", {"instance": cloud.members()[0]})
    cloud.wait(lambda: settled(cloud, 1))
    some_turns(cloud)
    assert settled(cloud, 1)
    resume(cloud, "Launch")
    cloud.wait(lambda: settled(cloud, 2))


def test_without_terminate_nothing_goes(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=2)
    suspend(cloud, "Terminate")
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    some_turns(cloud)
    assert settled(cloud, 2)
    resume(cloud, "Terminate")
    cloud.wait(lambda: settled(cloud, 1))


def test_without_add_to_load_balancer_instances_are_never_added(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    suspend(cloud, "AddToLoadBalancer")
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    cloud.wait(lambda: settled(cloud, 2))
    resume(cloud, "AddToLoadBalancer")
    some_turns(cloud)
    assert len(cloud.health(fleet)) == 1


def test_without_replace_unhealthy_it_is_marked_only(cloud: Cloud) -> None:
    cloud.build_fleet(desired=2)
    suspend(cloud, "ReplaceUnhealthy")
    sick = cloud.members()[0]
    cloud.control("break", {"instance": sick, "fault": "error"})
    cloud.wait(lambda: any(one["HealthStatus"] == "Unhealthy" for one in cloud.group()["Instances"]))
    some_turns(cloud)
    assert sick in cloud.members()


def test_without_health_check_nothing_is_even_marked(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    suspend(cloud, "HealthCheck")
    sick = cloud.members()[0]
    cloud.control("break", {"instance": sick, "fault": "error"})
    cloud.wait(lambda: cloud.health(fleet)[sick] == "unhealthy")
    some_turns(cloud)
    assert all(one["HealthStatus"] == "Healthy" for one in cloud.group()["Instances"])


def test_suspended_processes_are_shown_with_a_reason(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=0)
    suspend(cloud, "AZRebalance", "ScheduledActions")
    shown = cloud.group()["SuspendedProcesses"]
    assert [one["ProcessName"] for one in shown] == ["AZRebalance", "ScheduledActions"]
    assert all(one["SuspensionReason"].startswith("User suspended at ") for one in shown)
    code, _ = refused(autoscaling.suspend_processes, AutoScalingGroupName="web", ScalingProcesses=["Nothing"])
    assert code == "ValidationError"


def test_only_an_empty_group_is_deleted_without_force(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=1)
    assert refused(autoscaling.delete_auto_scaling_group, AutoScalingGroupName="web")[0] == "ResourceInUse"
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    cloud.wait(lambda: not autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"])
    assert cloud.hosts.running() == []


def test_groups_are_found_by_name_and_tag_and_come_in_pages(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=0)
    settings = {
        "MinSize": 0,
        "MaxSize": 0,
        "VPCZoneIdentifier": fleet.subnets[0],
        "LaunchTemplate": {"LaunchTemplateId": fleet.template},
    }
    for name in ("one", "two"):
        tags = [{"Key": "site", "Value": name, "PropagateAtLaunch": False}]
        autoscaling.create_auto_scaling_group(AutoScalingGroupName=name, Tags=tags, **settings)
    found = autoscaling.describe_auto_scaling_groups(Filters=[{"Name": "tag:site", "Values": ["two"]}])["AutoScalingGroups"]
    assert [one["AutoScalingGroupName"] for one in found] == ["two"]
    pages = autoscaling.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 2})
    assert [[one["AutoScalingGroupName"] for one in page["AutoScalingGroups"]] for page in pages] == [["web", "one"], ["two"]]
    assert refused(autoscaling.create_auto_scaling_group, AutoScalingGroupName="one", **settings)[0] == "AlreadyExists"
    assert refused(autoscaling.set_desired_capacity, AutoScalingGroupName="none", DesiredCapacity=1)[0] == "ValidationError"


def test_a_template_that_does_not_exist_is_refused(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=0)
    wrong = {"LaunchTemplateId": fleet.template, "Version": "7"}
    code, _ = refused(autoscaling.update_auto_scaling_group, AutoScalingGroupName="web", LaunchTemplate=wrong)
    assert code == "ValidationError"


def test_tags_of_groups_are_set_listed_and_deleted(cloud: Cloud, autoscaling: Any) -> None:
    cloud.build_fleet(desired=0)
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "ramped:run"}
    autoscaling.create_or_update_tags(Tags=[{**tag, "Value": "1", "PropagateAtLaunch": False}])
    autoscaling.create_or_update_tags(Tags=[{**tag, "Value": "2", "PropagateAtLaunch": False}])
    shown = autoscaling.describe_tags(Filters=[{"Name": "auto-scaling-group", "Values": ["web"]}])["Tags"]
    assert [(one["Key"], one["Value"]) for one in shown] == [("ramped:run", "2")]
    assert cloud.group()["Tags"][0]["Value"] == "2"
    autoscaling.delete_tags(Tags=[{**tag, "Value": "other"}])
    assert len(cloud.group()["Tags"]) == 1
    autoscaling.delete_tags(Tags=[tag])
    assert cloud.group()["Tags"] == []


def test_target_groups_are_attached_and_detached_with_their_members(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    second = cloud.build_target_group(fleet.vpc, "second")
    cloud._balancer("second", fleet.subnets, [second])
    autoscaling.attach_load_balancer_target_groups(AutoScalingGroupName="web", TargetGroupARNs=[second])
    elb = cloud.client("elbv2")
    cloud.wait(
        lambda: (
            [
                one["TargetHealth"]["State"]
                for one in elb.describe_target_health(TargetGroupArn=second)["TargetHealthDescriptions"]
            ]
            == ["healthy"]
        )
    )
    autoscaling.detach_load_balancer_target_groups(AutoScalingGroupName="web", TargetGroupARNs=[second])
    cloud.wait(lambda: elb.describe_target_health(TargetGroupArn=second)["TargetHealthDescriptions"] == [])
    shown = autoscaling.describe_load_balancer_target_groups(AutoScalingGroupName="web")["LoadBalancerTargetGroups"]
    assert [one["LoadBalancerTargetGroupARN"] for one in shown] == [fleet.target_group]


def test_a_mixed_group_counts_weights_and_its_overrides_ignore_the_base_template(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=0, name="plain")
    ec2 = cloud.client("ec2")
    own = ec2.create_launch_template(
        LaunchTemplateName="own", LaunchTemplateData={"ImageId": cloud.build_image("own", "own"), "InstanceType": "t3.small"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": fleet.template, "Version": "$Latest"},
            "Overrides": [
                {
                    "InstanceType": "t3.large",
                    "WeightedCapacity": "2",
                    "LaunchTemplateSpecification": {"LaunchTemplateId": own, "Version": "1"},
                }
            ],
        }
    }
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        MinSize=0,
        MaxSize=8,
        DesiredCapacity=4,
        VPCZoneIdentifier=",".join(fleet.subnets),
        MixedInstancesPolicy=policy,
    )
    cloud.wait(lambda: settled(cloud, 2))  # 2 instances of weight 2
    shown = cloud.group()
    assert {one["WeightedCapacity"] for one in shown["Instances"]} == {"2"}
    assert {one["InstanceType"] for one in shown["Instances"]} == {"t3.large"}
    assert "LaunchTemplate" not in shown
    cloud.new_version(fleet, cloud.build_image("second", "v2"))  # the base template's: nothing for the override
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=6)
    cloud.wait(lambda: settled(cloud, 3))
    assert {cloud.hosts.revision(one) for one in cloud.members()} == {"own"}
    assert cloud.group()["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"][0]["WeightedCapacity"] == "2"


def test_metrics_are_remembered_and_forgotten(cloud: Cloud) -> None:
    cloud.build_fleet(desired=0)
    autoscaling = cloud.client("autoscaling")
    autoscaling.enable_metrics_collection(AutoScalingGroupName="web", Granularity="1Minute")
    autoscaling.disable_metrics_collection(AutoScalingGroupName="web", Metrics=["GroupMinSize"])
    assert len(cloud.group()["EnabledMetrics"]) == 7
    autoscaling.disable_metrics_collection(AutoScalingGroupName="web")
    assert cloud.group()["EnabledMetrics"] == []


def test_activities_in_progress_come_first_whenever_they_began(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1, delay=900)
    scaling, old = cloud.client("autoscaling"), cloud.members()[0]
    scaling.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)
    cloud.wait(lambda: cloud.healthy(fleet))
    first, second, *_ = cloud.activities()
    assert first["StatusCode"] == "WaitingForELBConnectionDraining" and old in first["Description"]
    assert second["StatusCode"] == "Successful" and second["StartTime"] > first["StartTime"]
