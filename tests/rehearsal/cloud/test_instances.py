"""EC2 instances: states that take time, templates with overrides, consoles, addresses."""

import base64
import ipaddress
import urllib.request
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, refused


@pytest.fixture
def subnet(cloud: Cloud) -> str:
    return cloud.build_network(1)[1][0]


def run(cloud: Cloud, **params: Any) -> str:
    made = cloud.client("ec2").run_instances(**({"MinCount": 1, "MaxCount": 1} | params))
    return str(made["Instances"][0]["InstanceId"])


def state(cloud: Cloud, instance: str) -> str:
    return str(cloud.instance(instance)["State"]["Name"])


def test_an_instance_is_pending_then_running_then_stops_and_goes(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    made = ec2.run_instances(ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet, MinCount=1, MaxCount=1)
    instance = made["Instances"][0]["InstanceId"]
    assert made["Instances"][0]["State"]["Name"] == "pending"
    cloud.wait(lambda: state(cloud, instance) == "running")
    assert ec2.stop_instances(InstanceIds=[instance])["StoppingInstances"][0]["CurrentState"]["Name"] == "stopping"
    cloud.wait(lambda: state(cloud, instance) == "stopped")
    assert cloud.hosts.running() == []
    assert ec2.start_instances(InstanceIds=[instance])["StartingInstances"][0]["CurrentState"]["Name"] == "pending"
    cloud.wait(lambda: state(cloud, instance) == "running")
    assert cloud.hosts.running() == [instance]
    assert ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"
    cloud.wait(lambda: state(cloud, instance) == "terminated")
    assert cloud.hosts.running() == []


def test_an_instance_that_starts_again_is_running_before_its_machine_boots(cloud: Cloud, subnet: str) -> None:
    ec2, instance = cloud.client("ec2"), run(cloud, ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet)
    cloud.control("options", {"power_on": 60.0})
    cloud.wait(lambda: state(cloud, instance) == "running")
    for _ in range(2):  # stopped meanwhile, it does not boot later
        ec2.stop_instances(InstanceIds=[instance])
        cloud.wait(lambda: state(cloud, instance) == "stopped")
        ec2.start_instances(InstanceIds=[instance])
        cloud.wait(lambda: state(cloud, instance) == "running")
        assert cloud.hosts.running() == []
    cloud.skip(60)
    cloud.wait(lambda: cloud.hosts.running() == [instance])
    assert "boot 2" in cloud.hosts.console(instance) and "boot 3" not in cloud.hosts.console(instance)


def test_reboot_keeps_it_running_and_boots_it_again(cloud: Cloud, subnet: str) -> None:
    with cloud.standin.held():
        instance = run(cloud, ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet)
        assert refused(cloud.client("ec2").reboot_instances, InstanceIds=[instance])[0] == "IncorrectInstanceState"
    cloud.wait(lambda: state(cloud, instance) == "running")
    cloud.client("ec2").reboot_instances(InstanceIds=[instance])
    assert state(cloud, instance) == "running"
    assert "boot 2" in cloud.hosts.console(instance)


def test_the_private_address_is_the_host_s_real_one(cloud: Cloud, subnet: str) -> None:
    image = cloud.build_image(revision="r1")
    instances = [run(cloud, ImageId=image, InstanceType="t3.small", SubnetId=subnet) for _ in range(3)]
    addresses = [cloud.instance(one)["PrivateIpAddress"] for one in instances]
    assert len(set(addresses)) == 3
    assert all(ipaddress.ip_address(one) in ipaddress.ip_network(f"127.{cloud.octet}.1.0/24") for one in addresses)
    cloud.wait(lambda: all(b'"r1"' in urllib.request.urlopen(f"http://{one}:8080/").read() for one in addresses))


def test_a_template_s_parameters_are_overridden_one_by_one(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    user_data = base64.b64encode(b"revision=from-user-data\n").decode()
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "team", "Value": "shop"}]}]
    data = {"ImageId": cloud.build_image(), "InstanceType": "t3.small", "UserData": user_data, "TagSpecifications": tags}
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.medium"}
    )
    own = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "management"}]}]
    instance = run(
        cloud,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        SubnetId=subnet,
        TagSpecifications=own,
    )
    shown = cloud.instance(instance)
    assert shown["InstanceType"] == "t3.medium"
    assert cloud.hosts.revision(instance) == "from-user-data"
    assert {tag["Key"]: tag["Value"] for tag in shown["Tags"]} == {
        "Name": "management",
        "team": "shop",
        "aws:ec2launchtemplate:id": template,
        "aws:ec2launchtemplate:version": "2",
    }


def test_the_default_version_is_meant_where_none_is_named(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    data = {"ImageId": cloud.build_image(), "InstanceType": "t3.small"}
    template = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.medium"}
    )
    instance = run(cloud, LaunchTemplate={"LaunchTemplateId": template}, SubnetId=subnet)
    assert cloud.instance(instance)["InstanceType"] == "t3.small"


def test_a_root_device_that_pins_another_image_s_snapshot_is_refused(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    old, new = cloud.build_image("old"), cloud.build_image("new")
    images = ec2.describe_images(ImageIds=[old])["Images"][0]
    snapshot = images["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    pinned = {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot, "VolumeSize": 9}}]}
    params = {"InstanceType": "t3.small", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1, **pinned}
    assert refused(ec2.run_instances, ImageId=new, **params)[0] == "InvalidBlockDeviceMapping"
    assert run(cloud, ImageId=old, **params)


def test_a_client_token_launches_once(cloud: Cloud, subnet: str) -> None:
    params = {"ImageId": cloud.build_image(), "InstanceType": "t3.small", "SubnetId": subnet, "ClientToken": "once"}
    assert run(cloud, **params) == run(cloud, **params)
    assert len(cloud.hosts.running()) == 1


def test_the_console_output_is_what_the_host_printed(cloud: Cloud, subnet: str) -> None:
    instance = run(cloud, ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet)
    output = cloud.client("ec2").get_console_output(InstanceId=instance)["Output"]
    assert output == cloud.hosts.console(instance)
    assert instance in output


def test_termination_protection_is_honoured(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    instance = run(cloud, ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet)
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": True})
    assert refused(ec2.terminate_instances, InstanceIds=[instance])[0] == "OperationNotPermitted"


def test_unknown_instances_and_wrong_states_are_refused(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    assert refused(ec2.start_instances, InstanceIds=["i-0123456789abcdef0"])[0] == "InvalidInstanceID.NotFound"
    instance = run(cloud, ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet)
    cloud.wait(lambda: state(cloud, instance) == "running")
    with cloud.standin.held():
        ec2.stop_instances(InstanceIds=[instance])
        assert refused(ec2.start_instances, InstanceIds=[instance])[0] == "IncorrectInstanceState"


def test_instances_are_found_by_tag_and_state(cloud: Cloud, subnet: str) -> None:
    ec2 = cloud.client("ec2")
    instance = run(cloud, ImageId=cloud.build_image(), InstanceType="t3.small", SubnetId=subnet)
    run(cloud, ImageId=cloud.build_image("other"), InstanceType="t3.small", SubnetId=subnet)
    ec2.create_tags(Resources=[instance], Tags=[{"Key": "ramped:role", "Value": "management"}])
    filters = [
        {"Name": "tag:ramped:role", "Values": ["management"]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    found = ec2.describe_instances(Filters=filters)["Reservations"]
    assert [one["InstanceId"] for reservation in found for one in reservation["Instances"]] == [instance]
