"""What goes wrong on demand, and what the control endpoint tells."""

import json
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.rehearsal.standin import Cloud, refused


def count(cloud: Cloud, action: str) -> dict[str, int]:
    found: dict[str, int] = cloud.control("calls")["actions"].get(action, {"count": 0, "rejected": 0})
    return found


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_instances", "RequestLimitExceeded"),
        ("autoscaling", "describe_auto_scaling_groups", "Throttling"),
        ("elbv2", "describe_target_groups", "Throttling"),
        ("sts", "get_caller_identity", "Throttling"),
    ],
)
def test_throttling_refuses_in_the_service_s_own_words(cloud: Cloud, service: str, call: str, code: str) -> None:
    cloud.control("faults", {"throttle": 1.0})
    assert refused(getattr(cloud.client(service), call))[0] == code


def test_a_share_of_the_calls_is_throttled_and_counted(cloud: Cloud) -> None:
    cloud.control("faults", {"throttle": 0.5, "seed": 1})
    errors = 0
    for _ in range(60):
        try:
            cloud.client("autoscaling").describe_auto_scaling_groups()
        except ClientError:
            errors += 1
    assert 15 < errors < 45
    assert count(cloud, "autoscaling:DescribeAutoScalingGroups") == {"count": 60, "rejected": errors}


def test_only_named_actions_are_throttled_and_adaptive_retries_get_through(cloud: Cloud) -> None:
    cloud.control("faults", {"throttle": 0.6, "throttle_actions": ["DescribeInstances"], "seed": 3})
    cloud.client("ec2").describe_vpcs()
    patient = cloud.client("ec2", retries={"mode": "adaptive", "total_max_attempts": 20})
    assert patient.describe_instances()["Reservations"] == []


def test_expired_credentials(cloud: Cloud) -> None:
    cloud.control("faults", {"expired": True})
    assert refused(cloud.client("sts").get_caller_identity)[0] == "ExpiredToken"
    assert refused(cloud.client("autoscaling").describe_auto_scaling_groups)[0] == "ExpiredToken"
    assert refused(cloud.client("ec2").describe_instances)[0] == "RequestExpired"
    assert refused(cloud.client("ssm").get_parameter, Name="x")[0] == "ExpiredTokenException"
    cloud.control("faults", {"expired": False})
    assert cloud.client("sts").get_caller_identity()["Account"] == cloud.standin.world.account


def test_a_missing_permission(cloud: Cloud) -> None:
    cloud.control("faults", {"denied": ["DescribeInstances", "SetDesiredCapacity"]})
    assert refused(cloud.client("ec2").describe_instances)[0] == "UnauthorizedOperation"
    params = {"AutoScalingGroupName": "web", "DesiredCapacity": 1}
    assert refused(cloud.client("autoscaling").set_desired_capacity, **params)[0] == "AccessDenied"


def test_a_call_succeeds_but_its_answer_is_lost(cloud: Cloud) -> None:
    cloud.control("faults", {"lost_answers": {"CreateKeyPair": 1}})
    ec2 = cloud.client("ec2")
    with pytest.raises(ConnectionClosedError):
        ec2.create_key_pair(KeyName="once")
    assert [one["KeyName"] for one in ec2.describe_key_pairs()["KeyPairs"]] == ["once"]
    ec2.create_key_pair(KeyName="twice")


def test_capacity_can_be_gone_for_ever_in_one_zone(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=0)
    cloud.control("faults", {"no_capacity": -1, "no_capacity_zones": ["eu-central-1a"]})
    params = {"ImageId": fleet.image, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1}
    ec2 = cloud.client("ec2")
    for _ in range(2):
        assert refused(ec2.run_instances, SubnetId=fleet.subnets[0], **params)[0] == "InsufficientInstanceCapacity"
    ec2.run_instances(SubnetId=fleet.subnets[1], **params)


@pytest.mark.parametrize("call", ["describe_account_limits"])
def test_an_action_that_is_not_modelled_is_named_in_an_error_that_boto3_parses(cloud: Cloud, call: str) -> None:
    method = getattr(cloud.client("autoscaling"), call)
    code, message = refused(method)
    assert code == "InvalidAction"
    assert "".join(part.capitalize() for part in call.split("_")) in message


def test_moto_s_own_gaps_are_named_too(cloud: Cloud) -> None:
    code, message = refused(cloud.client("ec2").get_ebs_default_kms_key_id)
    assert (code, "GetEbsDefaultKmsKeyId" in message) == ("InvalidAction", True)


def test_a_service_that_is_not_modelled_is_refused(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="not modelled"):
        cloud.client("sqs").list_queues()


def test_the_log_tells_counts_and_changes_in_order(cloud: Cloud) -> None:
    cloud.control("calls/clear", {})
    cloud.build_image("one")
    cloud.client("ec2").describe_images()
    refused(cloud.client("ec2").register_image, Name="one")
    report = cloud.control("calls")
    assert report["actions"] == {
        "ec2:DescribeImages": {"count": 1, "rejected": 0},
        "ec2:RegisterImage": {"count": 2, "rejected": 1},
    }
    assert (report["total"], report["rejected"]) == (3, 1)
    assert [(one["action"], one["error"]) for one in report["changes"]] == [
        ("ec2:RegisterImage", None),
        ("ec2:RegisterImage", "InvalidAMIName.Duplicate"),
    ]


@pytest.mark.parametrize(
    ("name", "values", "status", "word"),
    [
        ("faults", {"nonsense": 1}, 400, "no such fault"),
        ("nowhere", {}, 404, "no such control"),
        ("kill", {"instance": "i-none"}, 400, "does not exist"),
        ("break", {}, 400, "instance"),
    ],
)
def test_mistakes_at_the_control_endpoint_are_explained(
    cloud: Cloud, name: str, values: dict[str, Any], status: int, word: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control(name, values)
    with caught.value as answer:
        assert answer.code == status
        assert word in json.load(answer)["error"]


def test_a_lock_in_the_parameter_store_is_taken_once(cloud: Cloud) -> None:
    ssm = cloud.client("ssm")

    def take(holder: int) -> bool:
        try:
            ssm.put_parameter(Name="/ramped/lock", Value=str(holder), Type="String", Overwrite=False)
        except ssm.exceptions.ParameterAlreadyExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1
    assert ssm.get_parameter(Name="/ramped/lock")["Parameter"]["Value"].isdigit()
    ssm.delete_parameter(Name="/ramped/lock")
    assert take(9)


def test_two_clouds_in_one_process_know_nothing_of_each_other(cloud: Cloud) -> None:
    from tests.rehearsal.standin import stand_in

    cloud.build_image("mine")
    with stand_in() as other:
        assert other.client("ec2").describe_images()["Images"] == []
        assert other.client("sts").get_caller_identity()["Account"] != cloud.client("sts").get_caller_identity()["Account"]
