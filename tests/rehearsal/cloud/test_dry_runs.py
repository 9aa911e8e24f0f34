"""What a dry run finds out: permissions, and what does not exist; not whether there is room."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused


@pytest.fixture(scope="module")
def fleet(module_cloud: Cloud) -> Fleet:
    return module_cloud.build_fleet(desired=0)


def code(cloud: Cloud, call: str, **params: Any) -> str:
    return refused(getattr(cloud.client("ec2"), call), DryRun=True, **params)[0]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, "DryRunOperation"),
        ({"SubnetId": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-0123456789abcdef0"}}, "InvalidLaunchTemplateId.NotFound"),
    ],
)
def test_a_launch_of_what_does_not_exist(module_cloud: Cloud, fleet: Fleet, change: dict[str, Any], found: str) -> None:
    given = {"ImageId": fleet.image, "InstanceType": "t3.small", "SubnetId": fleet.subnets[0], "MinCount": 1, "MaxCount": 1}
    module_cloud.control("options", {"vcpu_limit": 1})
    assert code(module_cloud, "run_instances", **{**given, **change}) == found


@pytest.mark.parametrize(
    ("call", "params", "found"),
    [
        ("create_image", {"InstanceId": "i-0123456789abcdef0", "Name": "new"}, "InvalidInstanceID.NotFound"),
        ("terminate_instances", {"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
        ("deregister_image", {"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ("create_tags", {"Resources": ["i-0123456789abcdef0"], "Tags": [{"Key": "a"}]}, "InvalidInstanceID.NotFound"),
        (
            "create_launch_template_version",
            {"LaunchTemplateId": "lt-0123456789abcdef0", "LaunchTemplateData": {}},
            "InvalidLaunchTemplateId.NotFound",
        ),
    ],
)
def test_other_calls(module_cloud: Cloud, call: str, params: dict[str, Any], found: str) -> None:
    assert code(module_cloud, call, **params) == found


def test_a_version_that_does_not_exist(module_cloud: Cloud, fleet: Fleet) -> None:
    params = {"LaunchTemplateId": fleet.template, "SourceVersion": "9", "LaunchTemplateData": {"InstanceType": "t3.small"}}
    assert code(module_cloud, "create_launch_template_version", **params) == "InvalidLaunchTemplateId.VersionNotFound"
    params["SourceVersion"] = "1"
    assert code(module_cloud, "create_launch_template_version", **params) == "DryRunOperation"


def test_a_dry_run_needs_the_permission_and_changes_nothing(module_cloud: Cloud, fleet: Fleet) -> None:
    module_cloud.control("faults", {"denied": ["DeregisterImage"]})
    assert code(module_cloud, "deregister_image", ImageId=fleet.image) == "UnauthorizedOperation"
    module_cloud.control("faults", {"denied": []})
    assert code(module_cloud, "deregister_image", ImageId=fleet.image) == "DryRunOperation"
    assert module_cloud.client("ec2").describe_images(ImageIds=[fleet.image])["Images"]
