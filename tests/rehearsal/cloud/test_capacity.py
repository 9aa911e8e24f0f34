"""Launches for which there is no room, or that EC2 ends at once: by RunInstances and by a group."""

from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, Fleet, refused

FULL = "InsufficientFreeAddressesInSubnet"


@pytest.fixture
def fleet(cloud: Cloud) -> Fleet:
    return cloud.build_fleet(desired=0)


def params(fleet: Fleet, subnet: int = 0, **more: Any) -> dict[str, Any]:
    given = {"ImageId": fleet.image, "InstanceType": "t3.small", "SubnetId": fleet.subnets[subnet], "MinCount": 1, "MaxCount": 1}
    return {**given, **more}


def run(cloud: Cloud, fleet: Fleet, subnet: int = 0, **more: Any) -> str:
    return str(cloud.client("ec2").run_instances(**params(fleet, subnet, **more))["Instances"][0]["InstanceId"])


def grow(cloud: Cloud, count: int) -> None:
    cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=count)


def ended(cloud: Cloud, status: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.wait(lambda: [one for one in cloud.activities() if one["StatusCode"] == status])[0]
    return found


def test_the_quota_of_vcpus(cloud: Cloud, fleet: Fleet) -> None:
    cloud.control("options", {"vcpu_limit": 4})
    one = run(cloud, fleet)
    run(cloud, fleet)
    code, message = refused(cloud.client("ec2").run_instances, **params(fleet))
    assert code == "VcpuLimitExceeded"
    assert "more vCPU capacity than your current vCPU limit of 4" in message
    grow(cloud, 1)
    failed = ended(cloud, "Failed")
    assert "vCPU limit of 4" in failed["StatusMessage"] and failed["StatusMessage"].endswith("Launching EC2 instance failed.")
    cloud.client("ec2").terminate_instances(InstanceIds=[one])
    cloud.control("advance", {"seconds": 60})
    cloud.wait(lambda: len(cloud.members()) == 1)


@pytest.mark.parametrize("code", ["Unsupported", FULL])
def test_what_one_zone_lacks_the_group_finds_in_another(cloud: Cloud, fleet: Fleet, code: str) -> None:
    lacks = {
        "Unsupported": {"zones_without_type": {"t3.small": ["eu-central-1a"]}},
        FULL: {"full_subnets": fleet.subnets[:1]},
    }
    cloud.control("options", lacks[code])
    refusal, message = refused(cloud.client("ec2").run_instances, **params(fleet))
    assert refusal == code
    assert run(cloud, fleet, 1)
    grow(cloud, 1)
    assert message in ended(cloud, "Failed")["StatusMessage"]
    cloud.control("advance", {"seconds": 60})
    cloud.wait(lambda: cloud.members())
    assert cloud.group()["Instances"][0]["AvailabilityZone"] != "eu-central-1a"


def test_ec2_ends_an_instance_whose_volume_s_key_may_not_be_used(cloud: Cloud, fleet: Fleet) -> None:
    cloud.control("options", {"dies_at_launch": {fleet.image: "Client.InternalError"}})
    with cloud.standin.held():
        instance = run(cloud, fleet)
        assert cloud.instance(instance)["State"]["Name"] == "pending"
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "terminated")
    reason = {"Code": "Client.InternalError", "Message": "Client.InternalError: Client error on launch"}
    assert cloud.instance(instance)["StateReason"] == reason
    assert cloud.hosts.running() == []


def test_a_group_s_launch_that_ec2_ends_is_cancelled_and_tried_again(cloud: Cloud, fleet: Fleet) -> None:
    cloud.control("options", {"dies_at_launch": {fleet.image: "Client.InternalError"}})
    grow(cloud, 1)
    message = ended(cloud, "Cancelled")["StatusMessage"]
    assert message.startswith("Instance became unhealthy while waiting for instance to be in InService state. Termination Reason")
    assert message.endswith("Client.InternalError: Client error on launch")
    cloud.control("options", {"dies_at_launch": {}})
    cloud.wait(lambda: cloud.healthy(fleet))


def test_a_user_s_termination_says_so(cloud: Cloud, fleet: Fleet) -> None:
    instance = run(cloud, fleet)
    cloud.client("ec2").terminate_instances(InstanceIds=[instance])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "terminated")
    shown = cloud.instance(instance)
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert shown["StateTransitionReason"].startswith("User initiated (")


def test_a_volume_smaller_than_its_snapshot_is_refused(cloud: Cloud, fleet: Fleet) -> None:
    small = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 4}}]
    code, message = refused(cloud.client("ec2").run_instances, **params(fleet, BlockDeviceMappings=small))
    assert code == "InvalidBlockDeviceMapping"
    assert message.startswith("Volume of size 4GB is smaller than snapshot 'snap-") and message.endswith("expect size>= 8GB")
    version = cloud.new_version(fleet, fleet.image, BlockDeviceMappings=small)
    cloud.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": fleet.template, "Version": version}, DesiredCapacity=1
    )
    assert message.partition("'")[0] in ended(cloud, "Failed")["StatusMessage"]
