"""What API calls need, asked of a stand-in cloud's own resources."""

from collections.abc import Iterator
from typing import Any

import pytest

from rehearsal.cloud.authorization.evaluate import Request
from rehearsal.cloud.authorization.patterns import arn_like
from rehearsal.cloud.authorization.state import StandInFacts
from rehearsal.cloud.authorization.table import Unmapped, requests
from tests.policies.reference import condition_keys, is_key, privilege, resource_types
from tests.rehearsal.standin import Cloud, Fleet, stand_in


@pytest.fixture(scope="module")
def fleet() -> Iterator[tuple[Cloud, Fleet, StandInFacts]]:
    with stand_in() as cloud:
        fleet = cloud.build_fleet(desired=1)
        world = cloud.standin.world
        yield cloud, fleet, StandInFacts(world.moto, world.scaling.groups, world._templates)


def needed(facts: StandInFacts, call: str, **params: Any) -> list[Request]:
    return requests(*call.split(":"), params, facts)


def test_an_instance_brings_its_tags(fleet: tuple[Cloud, Fleet, StandInFacts]) -> None:
    cloud, made, facts = fleet
    id = cloud.members()[0]
    (request,) = needed(facts, "ec2:StopInstances", InstanceIds=[id])
    assert request.action == "ec2:StopInstances"
    assert request.resource == f"arn:aws:ec2:{facts.region}:{facts.account}:instance/{id}"
    assert request.context["aws:ResourceTag/aws:autoscaling:groupName"] == "web"
    assert request.context["ec2:ResourceTag/aws:ec2launchtemplate:id"] == made.template


def test_a_launch_needs_all_that_it_uses_and_makes(fleet: tuple[Cloud, Fleet, StandInFacts]) -> None:
    _, made, facts = fleet
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "ramped:role", "Value": "smoke"}]}]
    found = needed(
        facts,
        "ec2:RunInstances",
        LaunchTemplate={"LaunchTemplateId": made.template, "Version": "1"},
        SubnetId=made.subnets[0],
        TagSpecifications=tags,
    )
    kinds = {request.resource.split(":")[5].split("/")[0]: request for request in found if request.action == "ec2:RunInstances"}
    assert set(kinds) == {"instance", "network-interface", "volume", "launch-template", "image", "security-group", "subnet"}
    assert kinds["image"].resource == f"arn:aws:ec2:{facts.region}::image/{made.image}"
    assert kinds["image"].context["ec2:IsLaunchTemplateResource"] == "true"
    assert kinds["subnet"].context["ec2:IsLaunchTemplateResource"] == "false"
    assert kinds["instance"].context["aws:RequestTag/ramped:role"] == "smoke"
    assert str(kinds["volume"].context["ec2:LaunchTemplate"]).endswith(f":launch-template/{made.template}")
    assert [(one.resource.split(":")[5], one.context["ec2:CreateAction"]) for one in found if one.action == "ec2:CreateTags"] == [
        ("instance/*", "RunInstances")
    ]


def test_naming_a_template_needs_what_its_launch_needs(fleet: tuple[Cloud, Fleet, StandInFacts]) -> None:
    _, made, facts = fleet
    template = {"LaunchTemplateId": made.template, "Version": "1"}
    found = needed(facts, "autoscaling:UpdateAutoScalingGroup", AutoScalingGroupName="web", LaunchTemplate=template)
    assert found[0].resource.endswith(":autoScalingGroupName/web")
    assert {request.action for request in found[1:]} == {"ec2:RunInstances"}
    assert [one.action for one in needed(facts, "autoscaling:UpdateAutoScalingGroup", AutoScalingGroupName="web", MaxSize=5)] == [
        "autoscaling:UpdateAutoScalingGroup"
    ]


def test_an_alias_and_a_role_are_asked_for(fleet: tuple[Cloud, Fleet, StandInFacts]) -> None:
    _, _, facts = fleet
    found = needed(
        facts,
        "ec2:RunInstances",
        ImageId="resolve:ssm:/aws/service/ami/x",
        IamInstanceProfile={"Name": "shop"},
        SubnetId="subnet-1",
    )
    by_action = {request.action: request for request in found}
    assert by_action["ssm:GetParameters"].resource == f"arn:aws:ssm:{facts.region}::parameter/aws/service/ami/x"
    assert by_action["iam:PassRole"].resource == f"arn:aws:iam::{facts.account}:role/shop"


@pytest.mark.parametrize("call", ["ec2:RunScheduledInstances", "elbv2:CreateListener", "iam:CreateUser", "ssm:SendCommand"])
def test_a_call_that_is_not_in_the_table_is_an_error(fleet: tuple[Cloud, Fleet, StandInFacts], call: str) -> None:
    with pytest.raises(Unmapped, match=call):
        needed(fleet[2], call)


TAGS = [{"Key": "ramped:site", "Value": "x"}]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("ec2:DescribeInstances", {}),
    ("ec2:GetConsoleOutput", {"InstanceId": "i-1"}),
    ("ec2:TerminateInstances", {"InstanceIds": ["i-1"]}),
    ("ec2:CreateTags", {"Resources": ["i-1", "ami-1", "snap-1", "vol-1"], "Tags": TAGS}),
    ("ec2:DeleteTags", {"Resources": ["i-1"], "Tags": TAGS}),
    ("ec2:CreateLaunchTemplateVersion", {"LaunchTemplateId": "lt-1"}),
    (
        "ec2:CreateImage",
        {"InstanceId": "i-1", "TagSpecifications": [{"ResourceType": kind, "Tags": TAGS} for kind in ("image", "snapshot")]},
    ),
    (
        "ec2:RunInstances",
        {
            "ImageId": "ami-1",
            "KeyName": "k",
            "SecurityGroupIds": ["sg-1"],
            "NetworkInterfaces": [{"SubnetId": "subnet-1", "Groups": ["sg-1"]}],
            "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}],
            "IamInstanceProfile": {"Arn": "arn:aws:iam::1:instance-profile/x"},
            "TagSpecifications": [{"ResourceType": kind, "Tags": TAGS} for kind in ("instance", "volume", "network-interface")],
        },
    ),
    ("ec2-instance-connect:SendSSHPublicKey", {"InstanceId": "i-1", "InstanceOSUser": "deploy"}),
    ("autoscaling:DescribeAutoScalingGroups", {}),
    (
        "autoscaling:UpdateAutoScalingGroup",
        {
            "AutoScalingGroupName": "web",
            "MaxSize": 4,
            "MinSize": 1,
            "VPCZoneIdentifier": "subnet-1",
            "LaunchConfigurationName": "x",
        },
    ),
    ("autoscaling:SetInstanceProtection", {"AutoScalingGroupName": "web"}),
    ("autoscaling:TerminateInstanceInAutoScalingGroup", {"InstanceId": "i-1"}),
    ("autoscaling:CreateOrUpdateTags", {"Tags": [{"ResourceId": "web", "Key": "a", "Value": "b"}]}),
    ("elbv2:DescribeRules", {}),
    ("elbv2:CreateRule", {"ListenerArn": "arn:aws:elasticloadbalancing:eu-central-1:1:listener/app/x/1/2", "Tags": TAGS}),
    ("elbv2:DeleteRule", {"RuleArn": "arn:aws:elasticloadbalancing:eu-central-1:1:listener-rule/app/x/1/2/3"}),
    ("elbv2:RegisterTargets", {"TargetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:1:targetgroup/x/1"}),
    ("cloudfront:GetInvalidation", {"DistributionId": "E1"}),
    ("ssm:PutParameter", {"Name": "/ramped/web/lock", "Overwrite": True}),
    ("ssm:StartSession", {"Target": "i-1", "DocumentName": "AWS-StartSSHSession"}),
    ("ssm:TerminateSession", {"SessionId": "me-1"}),
    ("cloudwatch:DescribeAlarms", {}),
    ("sts:AssumeRole", {"RoleArn": "arn:aws:iam::1:role/x"}),
]


@pytest.mark.parametrize(("call", "params"), CALLS, ids=[call for call, _ in CALLS])
def test_the_table_agrees_with_the_reference(fleet: tuple[Cloud, Fleet, StandInFacts], call: str, params: dict[str, Any]) -> None:
    found = needed(fleet[2], call, **params)
    assert found
    for request in found:
        assert privilege(request.action) is not None
        kinds = [kind for kind, pattern in resource_types(request.action).items() if arn_like(pattern, request.resource)]
        assert kinds or (request.resource == "*" and not resource_types(request.action)), request
        known = list(condition_keys(request.action, kinds[0] if kinds else None))
        assert not [key for key in request.context if not any(is_key(key, one) for one in known)], request


def test_asking_who_one_is_needs_nothing(fleet: tuple[Cloud, Fleet, StandInFacts]) -> None:
    assert needed(fleet[2], "sts:GetCallerIdentity") == []
