"""What others do to the same account: a Terraform apply, a replaced root volume."""

import json
import urllib.error
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud


def test_others_remove_tags_make_versions_and_point_the_group_at_theirs(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1)
    tag = {
        "ResourceId": "web",
        "ResourceType": "auto-scaling-group",
        "Key": "ramped:run",
        "Value": "r1",
        "PropagateAtLaunch": False,
    }
    cloud.client("autoscaling").create_or_update_tags(Tags=[tag])
    template = {"LaunchTemplateId": fleet.template, "Version": "2"}
    apply: list[dict[str, Any]] = [
        {"service": "autoscaling", "action": "DeleteTags", "params": {"Tags": [tag]}},
        {
            "service": "ec2",
            "action": "CreateLaunchTemplateVersion",
            "params": {"LaunchTemplateId": fleet.template, "LaunchTemplateData": {"ImageId": fleet.image}},
        },
        {
            "service": "autoscaling",
            "action": "UpdateAutoScalingGroup",
            "params": {"AutoScalingGroupName": "web", "LaunchTemplate": template},
        },
    ]
    cloud.control("others", {"calls": apply, "at_call": 2})
    assert cloud.group()["LaunchTemplate"]["Version"] == "1"
    shown = cloud.group()
    assert (shown["LaunchTemplate"]["Version"], shown["Tags"]) == ("2", [])


def test_others_can_do_only_what_is_modelled(cloud: Cloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control("others", {"calls": [{"service": "autoscaling", "action": "Nonsense"}]})
    with caught.value as answer:
        assert "Nonsense" in json.load(answer)["error"]


def test_an_instance_whose_root_volume_is_replaced_still_counts(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    instance = cloud.members()[0]
    cloud.control("lifecycle", {"instance": instance, "state": "ReplacingRootVolume"})
    assert cloud.members(lifecycle="ReplacingRootVolume") == [instance]
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    cloud.wait(lambda: len(cloud.healthy(fleet)) == 2)
    assert len(cloud.members(lifecycle="")) == 3
    cloud.control("lifecycle", {"instance": instance, "state": "InService"})
    assert instance in cloud.members()


def test_in_the_unkind_preset_others_apply_their_code_once(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=0)
    tags = [
        {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": key, "Value": "1", "PropagateAtLaunch": False}
        for key in ("ramped:run", "Owner")
    ]
    cloud.client("autoscaling").create_or_update_tags(Tags=tags)
    cloud.control("unkind", {"seed": 1})
    cloud.control("faults", {"throttle": 0.0})
    cloud.control("options", {"read_lag": 0, "group_tag_lag": 0})
    calls = 0
    while "ramped:run" in [tag["Key"] for tag in cloud.group()["Tags"]]:
        calls += 1
    assert 90 < calls < 600
    assert [tag["Key"] for tag in cloud.group()["Tags"]] == ["Owner"]
    versions = cloud.client("ec2").describe_launch_template_versions(LaunchTemplateId=fleet.template)["LaunchTemplateVersions"]
    assert [one["VersionNumber"] for one in versions] == [2, 1]
