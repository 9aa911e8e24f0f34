"""Launch templates: inheritance, numbers, the default."""

import base64
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, refused

DATA = {
    "ImageId": "ami-1",
    "InstanceType": "t3.small",
    "UserData": base64.b64encode(b"hello").decode(),
    "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 9, "SnapshotId": "snap-1"}}],
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
}


@pytest.fixture
def ec2(cloud: Cloud) -> Any:
    return cloud.client("ec2")


@pytest.fixture
def template(ec2: Any) -> str:
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=DATA, VersionDescription="first")
    return str(made["LaunchTemplate"]["LaunchTemplateId"])


def add(ec2: Any, template: str, **params: Any) -> dict[str, Any]:
    """Add a version and return it."""
    params.setdefault("LaunchTemplateData", {"ImageId": "ami-2"})
    made: dict[str, Any] = ec2.create_launch_template_version(LaunchTemplateId=template, **params)
    return made["LaunchTemplateVersion"]


def numbers(ec2: Any, template: str, **params: Any) -> list[int]:
    shown = ec2.describe_launch_template_versions(LaunchTemplateId=template, **params)["LaunchTemplateVersions"]
    return [one["VersionNumber"] for one in shown]


def test_a_version_inherits_from_its_source_what_is_not_given(ec2: Any, template: str) -> None:
    made = add(ec2, template, SourceVersion="1", VersionDescription="second")
    assert made["VersionNumber"] == 2
    assert made["VersionDescription"] == "second"
    assert made["LaunchTemplateData"] == {**DATA, "ImageId": "ami-2"}
    assert made["DefaultVersion"] is False


def test_what_is_given_replaces_the_source_s_whole_parameter(ec2: Any, template: str) -> None:
    mappings = [{"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 1}}]
    made = add(ec2, template, SourceVersion="1", LaunchTemplateData={"BlockDeviceMappings": mappings})
    assert made["LaunchTemplateData"]["BlockDeviceMappings"] == mappings
    assert made["LaunchTemplateData"]["ImageId"] == "ami-1"


def test_without_a_source_nothing_is_inherited(ec2: Any, template: str) -> None:
    assert add(ec2, template)["LaunchTemplateData"] == {"ImageId": "ami-2"}


def test_the_latest_can_be_the_source(ec2: Any, template: str) -> None:
    add(ec2, template, SourceVersion="1")
    made = add(ec2, template, SourceVersion="$Latest", LaunchTemplateData={"InstanceType": "t3.large"})
    assert made["LaunchTemplateData"]["ImageId"] == "ami-2"


def test_a_client_token_makes_it_idempotent(ec2: Any, template: str) -> None:
    first = add(ec2, template, ClientToken="one")
    assert add(ec2, template, ClientToken="one")["VersionNumber"] == first["VersionNumber"]
    assert numbers(ec2, template) == [2, 1]
    other = {"LaunchTemplateId": template, "ClientToken": "one", "LaunchTemplateData": {"ImageId": "ami-3"}}
    assert refused(ec2.create_launch_template_version, **other)[0] == "IdempotentParameterMismatch"


def test_parameters_are_not_validated(ec2: Any, template: str) -> None:
    assert add(ec2, template, LaunchTemplateData={"ImageId": "ami-no-such"})["VersionNumber"] == 2


def test_the_default_moves_only_on_request(ec2: Any, template: str) -> None:
    add(ec2, template)
    shown = ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"][0]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (1, 2)
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    assert numbers(ec2, template, Versions=["$Default"]) == [2]


def test_versions_are_deleted_each_for_itself_and_the_default_never(ec2: Any, template: str) -> None:
    add(ec2, template)
    answer = ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1", "2", "9"])
    assert [one["VersionNumber"] for one in answer["SuccessfullyDeletedLaunchTemplateVersions"]] == [2]
    refusals = {
        one["VersionNumber"]: one["ResponseError"]["Code"] for one in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    }
    assert refusals == {1: "unexpectedError", 9: "launchTemplateVersionDoesNotExist"}


def test_a_deleted_number_never_comes_back(ec2: Any, template: str) -> None:
    add(ec2, template)
    ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["2"])
    assert add(ec2, template)["VersionNumber"] == 3
    assert refused(ec2.describe_launch_template_versions, LaunchTemplateId=template, Versions=["2"])[0] == (
        "InvalidLaunchTemplateId.VersionNotFound"
    )


def test_at_most_200_are_deleted_in_a_call(ec2: Any, template: str) -> None:
    versions = [str(number) for number in range(2, 203)]
    code, _ = refused(ec2.delete_launch_template_versions, LaunchTemplateId=template, Versions=versions)
    assert code == "InvalidParameterValue"


def test_versions_come_newest_first_in_pages(ec2: Any, template: str) -> None:
    for _ in range(4):
        add(ec2, template)
    assert numbers(ec2, template, MinVersion="2", MaxVersion="4") == [4, 3, 2]
    pages = ec2.get_paginator("describe_launch_template_versions").paginate(
        LaunchTemplateId=template, PaginationConfig={"PageSize": 2}
    )
    assert [one["VersionNumber"] for page in pages for one in page["LaunchTemplateVersions"]] == [5, 4, 3, 2, 1]


def test_templates_are_found_by_name_and_tag(ec2: Any) -> None:
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "shop"}]}]
    ec2.create_launch_template(LaunchTemplateName="tagged", LaunchTemplateData={"ImageId": "ami-1"}, TagSpecifications=tags)
    ec2.create_launch_template(LaunchTemplateName="other", LaunchTemplateData={"ImageId": "ami-1"})
    found = ec2.describe_launch_templates(Filters=[{"Name": "tag:team", "Values": ["shop"]}])["LaunchTemplates"]
    assert [one["LaunchTemplateName"] for one in found] == ["tagged"]
    data = ec2.describe_launch_template_versions(LaunchTemplateName="tagged")["LaunchTemplateVersions"][0]
    assert data["LaunchTemplateData"] == {"ImageId": "ami-1"}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LaunchTemplateId": "lt-0123456789abcdef0"}, "InvalidLaunchTemplateId.NotFound"),
        ({"LaunchTemplateName": "nobody"}, "InvalidLaunchTemplateName.NotFoundException"),
    ],
)
def test_what_does_not_exist_is_not_found(ec2: Any, params: dict[str, str], code: str) -> None:
    assert refused(ec2.describe_launch_template_versions, **params)[0] == code


def test_a_name_is_taken_once(ec2: Any, template: str) -> None:
    code, _ = refused(ec2.create_launch_template, LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-1"})
    assert code == "InvalidLaunchTemplateName.AlreadyExistsException"


def test_deleting_a_template_takes_its_versions(ec2: Any, template: str) -> None:
    ec2.delete_launch_template(LaunchTemplateId=template)
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
