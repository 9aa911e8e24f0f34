"""Calls that are answered by a copy which is behind: what was just written may be missing, and comes."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal.standin import Cloud, Fleet

LOOKS = 40  # so many that one of them meets a copy that is behind


@pytest.fixture
def fleet(cloud: Cloud) -> Fleet:
    fleet = cloud.build_fleet(desired=0)
    cloud.control("options", {"read_lag": 100_000, "group_tag_lag": 100_000})
    return fleet


def run(cloud: Cloud, fleet: Fleet, **more: Any) -> str:
    given = {"ImageId": fleet.image, "InstanceType": "t3.small", "SubnetId": fleet.subnets[0], "MinCount": 1, "MaxCount": 1}
    return str(cloud.client("ec2").run_instances(**given, **more)["Instances"][0]["InstanceId"])


def code_of(look: Any, **params: Any) -> str:
    try:
        look(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def settled(cloud: Cloud) -> None:
    cloud.control("options", {"read_lag": 0, "group_tag_lag": 0})


def test_a_new_instance_is_not_found_at_first_by_id_or_tag_and_nothing_is_lost(cloud: Cloud, fleet: Fleet) -> None:
    ec2 = cloud.client("ec2")
    role = [{"ResourceType": "instance", "Tags": [{"Key": "ramped:role", "Value": "smoke"}]}]
    instance = run(cloud, fleet, TagSpecifications=role)
    assert "InvalidInstanceID.NotFound" in {code_of(ec2.describe_instances, InstanceIds=[instance]) for _ in range(LOOKS)}
    assert "InvalidInstanceID.NotFound" in {code_of(ec2.start_instances, InstanceIds=[instance]) for _ in range(LOOKS)}
    by_tag = [{"Name": "tag:ramped:role", "Values": ["smoke"]}]
    assert any(not ec2.describe_instances(Filters=by_tag)["Reservations"] for _ in range(LOOKS))
    settled(cloud)
    assert ec2.describe_instances(Filters=by_tag)["Reservations"][0]["Instances"][0]["InstanceId"] == instance
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")


def test_tags_and_states_are_those_of_a_while_ago(cloud: Cloud, fleet: Fleet) -> None:
    ec2, instance = cloud.client("ec2"), run(cloud, fleet)
    settled(cloud)
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "old"}])
    cloud.control("options", {"read_lag": 100_000})
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "new"}])
    with cloud.standin.held():
        assert code_of(ec2.stop_instances, InstanceIds=[instance]) == ""
        looks = [cloud.instance(instance) for _ in range(LOOKS)]
    assert {"old"} <= {tag["Value"] for look in looks for tag in look["Tags"]} <= {"old", "new"}
    assert {"running"} <= {look["State"]["Name"] for look in looks} <= {"running", "stopping"}
    settled(cloud)
    assert cloud.instance(instance)["Tags"][0]["Value"] == "new"
    ec2.delete_tags(Resources=[instance])
    assert "Tags" not in cloud.instance(instance) or cloud.instance(instance)["Tags"] == []


def test_new_images_and_template_versions_are_not_found_at_first(cloud: Cloud, fleet: Fleet) -> None:
    ec2, image = cloud.client("ec2"), cloud.build_image("new")
    assert "InvalidAMIID.NotFound" in {code_of(ec2.describe_images, ImageIds=[image]) for _ in range(LOOKS)}
    ec2.create_launch_template_version(
        LaunchTemplateId=fleet.template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.medium"}
    )
    params = {"LaunchTemplateId": fleet.template, "Versions": ["2"]}
    codes = {code_of(ec2.describe_launch_template_versions, **params) for _ in range(LOOKS)}
    assert "InvalidLaunchTemplateId.VersionNotFound" in codes
    latest = [ec2.describe_launch_templates()["LaunchTemplates"][0]["LatestVersionNumber"] for _ in range(LOOKS)]
    assert 1 in latest
    settled(cloud)
    assert ec2.describe_launch_templates()["LaunchTemplates"][0]["LatestVersionNumber"] == 2


def test_tags_of_a_group_lag_too(cloud: Cloud, fleet: Fleet) -> None:
    scaling = cloud.client("autoscaling")
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "record", "Value": "1", "PropagateAtLaunch": False}
    scaling.create_or_update_tags(Tags=[tag])
    assert any(cloud.group()["Tags"] == [] for _ in range(LOOKS))
    scaling.delete_tags(Tags=[tag])
    settled(cloud)
    assert cloud.group()["Tags"] == []


def test_what_is_old_enough_is_known_everywhere(cloud: Cloud, fleet: Fleet) -> None:
    instance = run(cloud, fleet)
    cloud.control("advance", {"seconds": 100_001})
    assert {code_of(cloud.client("ec2").describe_instances, InstanceIds=[instance]) for _ in range(LOOKS)} == {""}
