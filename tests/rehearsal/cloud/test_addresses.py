"""Private and public addresses: what an instance has, what changes at a stop, and where it leads."""

import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud


@pytest.fixture
def subnet(cloud: Cloud) -> str:
    return cloud.build_network(1)[1][0]


def run(cloud: Cloud, subnet: str, *, public: bool | None = True) -> str:
    interface: dict[str, Any] = {"DeviceIndex": 0, "SubnetId": subnet}
    if public is not None:
        interface["AssociatePublicIpAddress"] = public
    params = {"ImageId": cloud.build_image(f"image {subnet} {public}"), "InstanceType": "t3.small"}
    made = cloud.client("ec2").run_instances(NetworkInterfaces=[interface], MinCount=1, MaxCount=1, **params)
    instance = str(made["Instances"][0]["InstanceId"])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")
    return instance


def public(cloud: Cloud, instance: str) -> str | None:
    shown = cloud.instance(instance)
    address: str | None = shown.get("PublicIpAddress")
    assert bool(address) == bool(shown.get("PublicDnsName"))
    return address


def answers(address: str | None) -> bool:
    try:
        return bool(urllib.request.urlopen(f"http://{address}:8080/", timeout=5).read())
    except (OSError, urllib.error.URLError):
        return False


def stop(cloud: Cloud, instance: str) -> None:
    cloud.client("ec2").stop_instances(InstanceIds=[instance])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "stopped")


def start(cloud: Cloud, instance: str) -> None:
    cloud.client("ec2").start_instances(InstanceIds=[instance])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")


def test_a_public_address_leads_to_the_instance_and_changes_with_each_start(cloud: Cloud, subnet: str) -> None:
    instance = run(cloud, subnet)
    first, private = public(cloud, instance), cloud.instance(instance)["PrivateIpAddress"]
    assert first and first != private
    cloud.wait(lambda: answers(first))
    stop(cloud, instance)
    assert public(cloud, instance) is None
    assert not answers(first)
    start(cloud, instance)
    second = public(cloud, instance)
    assert second not in (None, first)
    assert cloud.instance(instance)["PrivateIpAddress"] == private
    cloud.wait(lambda: answers(second))


def test_an_elastic_ip_stays(cloud: Cloud, subnet: str) -> None:
    ec2, instance = cloud.client("ec2"), run(cloud, subnet)
    made = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(InstanceId=instance, AllocationId=made["AllocationId"])
    assert public(cloud, instance) == made["PublicIp"]
    stop(cloud, instance)
    start(cloud, instance)
    assert public(cloud, instance) == made["PublicIp"]
    cloud.wait(lambda: answers(made["PublicIp"]))
    ec2.terminate_instances(InstanceIds=[instance])
    assert not ec2.describe_addresses()["Addresses"][0].get("InstanceId")


def test_the_subnet_decides_where_the_launch_does_not(cloud: Cloud, subnet: str) -> None:
    assert public(cloud, run(cloud, subnet, public=None)) is None
    cloud.client("ec2").modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    other = cloud.build_image("other")
    made = cloud.client("ec2").run_instances(ImageId=other, InstanceType="t3.small", SubnetId=subnet, MinCount=1, MaxCount=1)
    assert public(cloud, made["Instances"][0]["InstanceId"])
    assert public(cloud, run(cloud, subnet, public=False)) is None
