"""What a run has changed is noted by the edges that change it: exit texts lean on this."""

import dataclasses
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tasks.runtime.changes import Changes
from tasks.runtime.cloud import Cloud as Api
from tasks.settings.model import Aws
from tests.rehearsal.standin import REGION, Cloud
from tests.worlds.aws_world import world
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with world() as (running, _):
        yield running


@pytest.fixture(scope="module")
def image(cloud: Cloud) -> str:
    return str(cloud.client("ec2").register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"])


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def api(cloud: Cloud, changes: Changes) -> Api:
    return Api(Aws(region=REGION, endpoint=cloud.url), changes)


def test_reading_changes_nothing(api: Api, changes: Changes) -> None:
    api.client("ec2").describe_instances()
    api.client("sts").get_caller_identity()
    api.client("elbv2").describe_target_groups()
    assert not changes.made


def test_a_write_is_a_change(api: Api, changes: Changes, image: str) -> None:
    api.client("ec2").create_tags(Resources=[image], Tags=[{"Key": "a", "Value": "b"}])
    assert changes.made


def test_a_dry_run_is_none(cloud: Cloud, api: Api, changes: Changes, image: str) -> None:
    _, subnets, _ = cloud.build_network()
    with pytest.raises(ClientError, match="DryRunOperation"):
        api.client("ec2").run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0], DryRun=True)
    assert not changes.made


def test_what_aws_rejects_is_none(api: Api, changes: Changes) -> None:
    with pytest.raises(ClientError):
        api.client("autoscaling").set_desired_capacity(AutoScalingGroupName="none", DesiredCapacity=1)
    assert not changes.made


def test_what_never_reached_aws_is_none(api: Api, changes: Changes) -> None:
    far = Api(dataclasses.replace(api._aws, endpoint="http://127.0.0.1:9"), changes)
    client = far.client("ec2", quick=True)
    with pytest.raises(EndpointConnectionError):
        client.create_tags(Resources=["i-0"], Tags=[{"Key": "a", "Value": "b"}])
    assert not changes.made


def test_a_call_that_was_interrupted_may_have_changed_something(api: Api, changes: Changes, image: str) -> None:
    client = api.client("ec2")

    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    client.meta.events.register("before-send.ec2.CreateTags", interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.create_tags(Resources=[image], Tags=[{"Key": "a", "Value": "b"}])
    assert changes.made


def test_the_lock_is_no_change_of_the_site(api: Api, changes: Changes) -> None:
    api.client("ssm").put_parameter(Name="/ramped/test", Value="x", Type="String")
    assert not changes.made


def test_one_session_makes_every_client(api: Api) -> None:
    first = api.session
    api.client("ec2")
    api.client("ssm")
    assert api.session is first and api.client("ec2") is api.client("ec2")
