"""EC2 Instance Connect: what it refuses, and that it is not there from the first second on."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.rehearsal.standin import Cloud, refused

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBU/JAqgQM9aSTx/zld70FuR16KRYzmwxDHQZNxJ2sYh operator"


@pytest.fixture
def admitted(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Keys that the hosts were given: bare hosts have no SSH."""
    keys: list[str] = []
    monkeypatch.setattr(type(cloud.hosts), "admit", lambda self, instance, key, seconds: keys.append(key), raising=False)
    yield keys


def launch(cloud: Cloud) -> str:
    subnet = cloud.build_network(1)[1][0]
    params = {"ImageId": cloud.build_image(), "InstanceType": "t3.small", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1}
    instance = str(cloud.client("ec2").run_instances(**params)["Instances"][0]["InstanceId"])
    cloud.wait(lambda: cloud.instance(instance)["State"]["Name"] == "running")
    return instance


def send(cloud: Cloud, instance: str) -> dict[str, Any]:
    return {"InstanceId": instance, "InstanceOSUser": "deploy", "SSHPublicKey": KEY}


def test_it_is_unavailable_for_a_while_after_a_launch(cloud: Cloud, admitted: list[str]) -> None:
    cloud.control("options", {"connect_unavailable": 3600})
    connect, instance = cloud.client("ec2-instance-connect"), launch(cloud)
    assert refused(connect.send_ssh_public_key, **send(cloud, instance))[0] == "EC2InstanceUnavailableException"
    cloud.control("advance", {"seconds": 3601})
    assert connect.send_ssh_public_key(**send(cloud, instance))["Success"]
    assert admitted == [KEY]


def test_instances_that_do_not_run_or_exist_are_refused_differently(cloud: Cloud, admitted: list[str]) -> None:
    connect, instance = cloud.client("ec2-instance-connect"), launch(cloud)
    cloud.client("ec2").stop_instances(InstanceIds=[instance])
    assert refused(connect.send_ssh_public_key, **send(cloud, instance))[0] == "EC2InstanceStateInvalidException"
    unknown = "i-0123456789abcdef0"
    assert refused(connect.send_ssh_public_key, **send(cloud, unknown))[0] == "EC2InstanceNotFoundException"
    assert admitted == []
