"""Calls are allowed by policies: of the caller, and of the organisation."""

from typing import Any

import pytest

from rehearsal import operator_setup
from rehearsal.account import GROUP, Account
from rehearsal.host_kinds import PROCESSES
from tests.rehearsal.standin import Cloud, Fleet, refused

KEY = "AKIAREHEARSAL0000000"


@pytest.fixture(scope="module")
def fleet(module_cloud: Cloud) -> Fleet:
    return module_cloud.build_fleet(desired=0)


@pytest.fixture
def policies(module_cloud: Cloud) -> Any:
    def attach(*statements: dict[str, Any]) -> None:
        module_cloud.control("policies", {"caller": KEY, "policies": [{"Version": "2012-10-17", "Statement": list(statements)}]})

    yield attach
    module_cloud.control("policies", {"caller": KEY, "policies": []})
    module_cloud.control("scps", {"policies": []})


def allow(*actions: str, **more: Any) -> dict[str, Any]:
    return {"Sid": "Allow", "Effect": "Allow", "Action": list(actions), "Resource": "*", **more}


def version(fleet: Fleet) -> dict[str, Any]:
    return {"LaunchTemplateId": fleet.template, "LaunchTemplateData": {"InstanceType": "t3.small"}}


def test_what_no_policy_allows_is_denied_in_the_service_s_words(module_cloud: Cloud, fleet: Fleet, policies: Any) -> None:
    policies(allow("ec2:DescribeInstances"))
    module_cloud.client("ec2").describe_instances()
    code, message = refused(module_cloud.client("ec2").create_launch_template_version, **version(fleet))
    assert code == "UnauthorizedOperation"
    resource = f"arn:aws:ec2:eu-central-1:{module_cloud.standin.world.account}:launch-template/{fleet.template}"
    assert f"is not authorized to perform: ec2:CreateLaunchTemplateVersion on resource: {resource}" in message
    assert message.endswith("because no identity-based policy allows the ec2:CreateLaunchTemplateVersion action")
    scaling = module_cloud.client("autoscaling")
    assert refused(scaling.set_desired_capacity, AutoScalingGroupName="web", DesiredCapacity=0)[0] == "AccessDenied"
    ssm = module_cloud.client("ssm")
    assert refused(ssm.get_parameter, Name="/ramped/web/lock")[0] == "AccessDeniedException"


def test_a_dry_run_is_denied_too(module_cloud: Cloud, fleet: Fleet, policies: Any) -> None:
    policies(allow("ec2:DescribeInstances"))
    create = module_cloud.client("ec2").create_launch_template_version
    assert refused(create, DryRun=True, **version(fleet))[0] == "UnauthorizedOperation"


def test_a_call_of_which_nobody_knows_what_it_needs_is_denied(module_cloud: Cloud, fleet: Fleet, policies: Any) -> None:
    policies(allow("ec2:*"))
    message = refused(module_cloud.client("ec2").delete_key_pair, KeyName="none")[1]
    assert "ec2:DeleteKeyPair" in message and "not in the stand-in's table" in message


def test_conditions_on_tags_are_those_of_the_resource(module_cloud: Cloud, fleet: Fleet, policies: Any) -> None:
    ec2 = module_cloud.client("ec2")
    own = {"StringEquals": {"aws:ResourceTag/team": "shop"}}
    policies(allow("ec2:CreateLaunchTemplateVersion", Condition=own), allow("ec2:CreateTags"))
    assert refused(ec2.create_launch_template_version, DryRun=True, **version(fleet))[0] == "UnauthorizedOperation"
    ec2.create_tags(Resources=[fleet.template], Tags=[{"Key": "team", "Value": "shop"}])
    assert refused(ec2.create_launch_template_version, DryRun=True, **version(fleet))[0] == "DryRunOperation"


def test_an_organisation_that_requires_a_tag_exempts_the_group_s_own_launches(
    module_cloud: Cloud, fleet: Fleet, policies: Any
) -> None:
    deny = {"Sid": "Tagged", "Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:instance/*"}
    scp = {**deny, "Condition": {"Null": {"aws:RequestTag/CostCenter": "true"}}}
    module_cloud.control("scps", {"policies": [{"Version": "2012-10-17", "Statement": [scp]}]})
    ec2 = module_cloud.client("ec2")
    given = {"ImageId": fleet.image, "InstanceType": "t3.small", "SubnetId": fleet.subnets[0], "MinCount": 1, "MaxCount": 1}
    code, message = refused(ec2.run_instances, DryRun=True, **given)
    assert (code, message.endswith("with an explicit deny in a service control policy")) == ("UnauthorizedOperation", True)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "CostCenter", "Value": "42"}]}]
    assert refused(ec2.run_instances, DryRun=True, TagSpecifications=tags, **given)[0] == "DryRunOperation"
    module_cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=1)
    module_cloud.wait(lambda: module_cloud.healthy(fleet))


def test_another_caller_is_not_bound(module_cloud: Cloud, fleet: Fleet) -> None:
    module_cloud.control("policies", {"caller": "AKIASOMEBODYELSE0000", "policies": [{"Statement": [allow("ec2:DescribeTags")]}]})
    module_cloud.client("ec2").describe_images(ImageIds=[fleet.image])


def test_the_operator_may_record_an_outcome_at_the_first_image_of_a_site_that_is_there_already(module_cloud: Cloud) -> None:
    account = Account(module_cloud.client, module_cloud.octet)
    image = account.image()
    account.fleet(image, "a" * 40)
    names = operator_setup.site(module_cloud.client, module_cloud.standin.world.account, "E1", PROCESSES, [GROUP])
    published = {"caller": KEY, "policies": operator_setup.policies(names)}
    outcome = {"Resources": [image], "Tags": [{"Key": "ramped:outcome", "Value": "served"}]}
    try:
        module_cloud.control("policies", published)
        assert refused(module_cloud.client("ec2").create_tags, **outcome)[0] == "UnauthorizedOperation"
        module_cloud.control("policies", {"caller": KEY, "policies": []})
        account.released(image, operator_setup.IMAGES, "a" * 40)
        module_cloud.control("policies", published)
        module_cloud.client("ec2").create_tags(**outcome)
    finally:
        module_cloud.control("policies", {"caller": KEY, "policies": []})
