"""`management-create` in an account that answers late, in subnets without room, and from outside of the network."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.aws import instances
from tasks.aws.management import find
from tasks.errors import DeployError, HostUnreachable, Refused
from tasks.hosts.pool import Hosts
from tasks.operations.management import management_create
from tests.worlds.shipping_world import changes, fast, world_in
from tests.worlds.shop_world import ShopWorld, credentials

OTHER = {"tag": "role=builder"}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        yield running


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    """A world of which the operator reaches the public addresses alone."""
    with world_in(tmp_path_factory, web=1, private="closed") as running:
        yield running


@pytest.fixture(autouse=True)
def none_left(world: ShopWorld, outside: ShopWorld) -> Iterator[None]:
    yield
    for one in (world, outside):
        ids = [machine.id for machine in instances.with_tags(fast(one).cloud, {"role": "builder"})]
        if ids:
            one.cloud.client("ec2").terminate_instances(InstanceIds=ids)


@pytest.fixture
def options(world: ShopWorld) -> Iterator[Any]:
    before = world.cloud.control("options")
    yield lambda **values: world.cloud.control("options", values)
    world.cloud.control("options", before)


def made(world: ShopWorld) -> dict[str, Any]:
    """Return the instance that was made."""
    ec2 = world.cloud.client("ec2")
    states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
    found = ec2.describe_instances(Filters=[{"Name": "tag:role", "Values": ["builder"]}, states])["Reservations"]
    (instance,) = found[0]["Instances"]
    return dict(instance)


def test_one_that_ec2_does_not_show_yet_is_waited_for(world: ShopWorld, options: Any) -> None:
    options(read_lag=150.0)
    management_create(fast(world, management=OTHER))
    options(read_lag=0.0)
    id = made(world)["InstanceId"]
    assert f"{id} launched from version 1" in world.printed and f"EC2 does not show {id} yet" in world.printed
    assert f"{id} (127." in world.printed and "runs, SSH answers" in world.printed


def test_killed_after_its_launch_and_run_again_there_is_one(
    world: ShopWorld, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    options(read_lag=150.0)
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr("tasks.operations.management.launched", die)
        management_create(fast(world, management=OTHER))
    management_create(fast(world, management=OTHER))
    options(read_lag=0.0)
    assert made(world)["State"]["Name"] == "running", "and there is one"


def test_it_has_the_tags_that_the_group_gives_its_instances(world: ShopWorld) -> None:
    scaling = world.cloud.client("autoscaling")
    tag = {
        "ResourceId": "web",
        "ResourceType": "auto-scaling-group",
        "Key": "cost-center",
        "Value": "42",
        "PropagateAtLaunch": True,
    }
    scaling.create_or_update_tags(Tags=[tag])
    try:
        management_create(fast(world, management=OTHER))
        tags = {one["Key"]: one["Value"] for one in made(world)["Tags"]}
        assert tags["cost-center"] == "42" and tags["role"] == "builder" and tags["Name"] == "web management"
    finally:
        scaling.delete_tags(Tags=[{key: tag[key] for key in ("ResourceId", "ResourceType", "Key")}])


def test_one_that_ends_at_once_is_told_with_ec2s_reason(world: ShopWorld, options: Any) -> None:
    options(dies_at_launch={world.image: "Client.InternalError: Client error on launch"})
    with pytest.raises(DeployError, match="is (shutting-down|terminated): .*Client error on launch"):
        management_create(fast(world, management=OTHER))


def test_the_next_subnet_is_tried_where_one_is_full(world: ShopWorld, options: Any) -> None:
    options(full_subnets=[world.subnets[0]])
    management_create(fast(world, management=OTHER))
    assert made(world)["SubnetId"] == world.subnets[1]


def test_it_is_made_where_the_operator_wants_it(world: ShopWorld) -> None:
    group = world.cloud.client("ec2").create_security_group(GroupName="ssh", Description="ssh", VpcId=world.vpc)["GroupId"]
    management_create(fast(world, management=OTHER), subnet=world.subnets[2], security_group=[group])
    instance = made(world)
    assert instance["SubnetId"] == world.subnets[2] and [one["GroupId"] for one in instance["SecurityGroups"]] == [group]


def test_from_outside_it_is_reached_by_its_elastic_ip(outside: ShopWorld) -> None:
    ec2 = outside.cloud.client("ec2")
    ec2.terminate_instances(InstanceIds=[outside.management])
    outside.cloud.wait(lambda: outside.cloud.instance(outside.management)["State"]["Name"] == "terminated")
    role = [{"ResourceType": "elastic-ip", "Tags": [{"Key": "ramped:role", "Value": "management"}]}]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=role)
    public: dict[str, Any] = {"ssh": {"address": "public"}}
    with changes(outside) as calls, pytest.raises(Refused, match="--elastic-ip: there is no Elastic IP eipalloc-0"):
        management_create(fast(outside, **public), elastic_ip="eipalloc-0")
    with pytest.raises(Refused, match="because ssh.address is private: set it to public"):
        management_create(fast(outside), elastic_ip=address["AllocationId"])
    assert calls == []
    management_create(fast(outside, **public), elastic_ip=address["AllocationId"])
    (machine,) = instances.with_tags(fast(outside).cloud, {"ramped:role": "management"})
    assert machine.public == address["PublicIp"]
    # Web instances behind it keep their private addresses.
    behind = {**public, "ssh": {"address": "public", "gateway": "management"}}
    (web,) = instances.with_ids(fast(outside).cloud, outside.cloud.members())
    with Hosts(fast(outside, **behind)) as hosts:
        host = hosts.open(web)
        assert host.read("echo $SSH_CONNECTION").text.split()[2] == web.address
        assert host.http(None, 8080, "/health_check/shop.example.com").status == 200
    with pytest.raises(Refused, match=f"belongs to {machine.id} already"):
        management_create(
            fast(outside, management={"tag": "role=third"}, ssh={"address": "public"}), elastic_ip=address["AllocationId"]
        )


def test_from_outside_it_may_have_a_public_address_of_the_pool(outside: ShopWorld) -> None:
    management_create(fast(outside, management=OTHER, ssh={"address": "public"}))
    assert made(outside)["PublicIpAddress"]


def test_what_cannot_be_reached_from_here_is_told_with_what_to_do(outside: ShopWorld) -> None:
    (web,) = instances.with_ids(fast(outside).cloud, outside.cloud.members())
    with (
        Hosts(fast(outside, ssh={"timeout": 1})) as hosts,
        pytest.raises(HostUnreachable, match="private address, which cannot be"),
    ):
        hosts.open(web)
    for address, what in (("public", "public address"), ("dns", "public DNS name")):
        with Hosts(fast(outside, ssh={"address": address})) as hosts, pytest.raises(HostUnreachable, match=f"it has no {what}"):
            hosts.open(web)


def test_an_instance_that_somebody_tagged_is_no_management_instance(world: ShopWorld) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "builder"}]}]
    where = {"ImageId": world.image, "SubnetId": world.subnets[1]}
    ran = world.cloud.client("ec2").run_instances(MinCount=1, MaxCount=1, TagSpecifications=tags, **where)
    id = ran["Instances"][0]["InstanceId"]
    with pytest.raises(Refused, match=f"{id} has the tag role=builder, but was not launched from the launch template of a group"):
        find(fast(world, management=OTHER))
    assert find(fast(world, management={**OTHER, "instance_id": id})).id == id


def test_an_instance_of_the_group_is_no_management_instance(world: ShopWorld) -> None:
    ec2, tag = world.cloud.client("ec2"), {"Key": "role", "Value": "builder"}
    member = world.cloud.members()[0]
    ec2.create_tags(Resources=[member], Tags=[tag])
    try:
        with pytest.raises(Refused, match=f"{member} has the tag role=builder, but is an instance of web"):
            find(fast(world, management=OTHER))
    finally:
        ec2.delete_tags(Resources=[member], Tags=[tag])
