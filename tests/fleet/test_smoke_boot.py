"""The smoke boot where EC2 is unkind: no room, no type, no patience, no tags, protection, Spot, lagging reads."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.aws import instances, launch_templates
from tasks.decisions.rollout.outcomes import TAG
from tasks.errors import DeployError, Refused
from tasks.fleet.lock import lock_of
from tasks.fleet.smoke_boot import left_over, smoke_boot
from tests.worlds.rolling_world import REVISION, RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


class Told:
    """Instead of a management host: every instance reports the same revision."""

    def __init__(self, revision: str | None = REVISION, faults: int = 0) -> None:
        self.revision = revision
        self.left = faults  # how many times the pages do not answer

    def faults(self, address: str) -> str:
        self.left -= 1
        return "/ answered 500" if self.left >= 0 else ""

    def of(self, address: str) -> tuple[str | None, str]:
        return self.revision, "asked"


def boot(world: RollingWorld, version: str | None = None, told: Told | None = None, **rollout: Any) -> None:
    run = world.run(**{"instance_timeout": 60, **rollout})
    target = launch_templates.version(world.api, world.fleet.template, version or world.next)
    with lock_of(run, "web", "the test") as lock:
        smoke_boot(run, world.group(), target, told or Told(), lock)  # type: ignore[arg-type]


def left(world: RollingWorld) -> list[dict[str, Any]]:
    """Return the smoke boots, ended ones among them."""
    shown = world.cloud.client("ec2").describe_instances(Filters=[{"Name": "tag:ramped:role", "Values": ["smoke"]}])
    return [one for reservation in shown["Reservations"] for one in reservation["Instances"]]


def assert_ended(world: RollingWorld, boots: int = 1) -> None:
    world.cloud.wait(lambda: {one["State"]["Name"] for one in left(world)} <= {"terminated"})
    assert len(left(world)) == boots


@pytest.fixture(scope="module")
def running() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(1) as world:
            yield world


@pytest.fixture
def world(running: RollingWorld) -> Iterator[RollingWorld]:
    yield running
    running.cloud.control("options", {"full_subnets": [], "zones_without_type": {}, "dies_at_launch": {}, "read_lag": 0.0})
    running.cloud.control("faults", {"no_capacity": 0, "no_capacity_zones": [], "images": {}})
    for one in left(running):
        running.cloud.client("ec2").terminate_instances(InstanceIds=[one["InstanceId"]])


@pytest.mark.parametrize("why", ["capacity", "type", "addresses"])
def test_where_one_subnet_cannot_take_it_the_next_one_is_tried(world: RollingWorld, why: str) -> None:
    before = len(left(world))
    if why == "capacity":
        world.cloud.control("faults", {"no_capacity": -1, "no_capacity_zones": ["eu-central-1a"]})
    elif why == "type":
        world.cloud.control("options", {"zones_without_type": {"t3.small": ["eu-central-1a"]}})
    else:
        world.cloud.control("options", {"full_subnets": world.fleet.subnets[:1]})
    boot(world)
    assert_ended(world, before + 1)
    assert left(world)[-1]["Placement"]["AvailabilityZone"] != "eu-central-1a"


def test_where_no_subnet_can_take_it_all_are_named(world: RollingWorld) -> None:
    world.cloud.control("options", {"full_subnets": world.fleet.subnets})
    with pytest.raises(Refused, match="no subnet of the group can take an instance now") as caught:
        boot(world)
    assert str(caught.value).count("InsufficientFreeAddressesInSubnet") == 3


def test_one_that_ec2_ends_at_once_ends_it_with_the_reason(world: RollingWorld) -> None:
    world.cloud.control("options", {"dies_at_launch": {world.image: "Client.InternalError"}})
    began = world.run().clock.elapsed()
    with pytest.raises(DeployError, match="EC2 ended i-[0-9a-f]+: Client.InternalError: Client error on launch") as caught:
        boot(world, instance_timeout=900)
    assert "The fleet was not touched" in str(caught.value) and world.run().clock.elapsed() - began < 300
    (image,) = world.cloud.client("ec2").describe_images(ImageIds=[world.image])["Images"]
    assert {tag["Key"]: tag["Value"] for tag in image["Tags"]}[TAG].startswith("failed smoke boot 2")


def test_pages_that_never_answer_are_a_failure_and_late_ones_are_waited_for(world: RollingWorld) -> None:
    with pytest.raises(DeployError, match="smoke boot of version 2: i-.*: / answered 500. The fleet was not touched"):
        boot(world, told=Told(faults=2), healthy_polls=2)
    boot(world, told=Told(faults=1), healthy_polls=2)


def test_another_revision_is_a_failure_of_the_version(world: RollingWorld) -> None:
    with pytest.raises(DeployError, match="smoke boot of version 2: i-.* reports revision 333333333333, not 222222222222"):
        boot(world, told=Told("3" * 40))


def test_protection_and_spot_of_the_template_are_not_inherited(world: RollingWorld) -> None:
    before = len(left(world))
    spot = {"MarketType": "spot"}
    more = {"DisableApiTermination": True, "DisableApiStop": True, "InstanceMarketOptions": spot}
    boot(world, world.cloud.new_version(world.fleet, world.image, **more))
    assert_ended(world, before + 1)


def test_an_instance_that_will_be_stopped_can_be(world: RollingWorld) -> None:
    number = world.cloud.new_version(world.fleet, world.image, InstanceMarketOptions={"MarketType": "spot"}, DisableApiStop=True)
    version = launch_templates.version(world.api, world.fleet.template, number)
    id = instances.launch(world.api, version.template, number, version.data, world.fleet.subnets, {"ramped:role": "smoke"})
    world.cloud.wait(lambda: world.cloud.instance(id)["State"]["Name"] == "running")
    world.cloud.client("ec2").stop_instances(InstanceIds=[id])


def test_a_repeated_launch_makes_no_second_one(world: RollingWorld) -> None:
    version = launch_templates.version(world.api, world.fleet.template, world.next)
    asked = (version.template, version.number, version.data, world.fleet.subnets, {"ramped:role": "smoke"})
    assert instances.launch(world.api, *asked, once="run") == instances.launch(world.api, *asked, once="run")
    assert instances.launch(world.api, *asked, once="other") != instances.launch(world.api, *asked, once="run")


def test_ec2_may_not_know_it_for_a_while(world: RollingWorld) -> None:
    before = len(left(world))
    world.cloud.control("options", {"read_lag": 50.0, "seed": 5})
    boot(world)
    world.cloud.control("options", {"read_lag": 0.0})
    assert_ended(world, before + 1)


def test_it_carries_the_tags_that_the_group_passes_on_in_dry_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with rolling(1) as world:
        tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "CostCenter", "Value": "42"}
        world.cloud.client("autoscaling").create_or_update_tags(Tags=[tag | {"PropagateAtLaunch": True}])
        asked: list[dict[str, Any]] = []
        own = instances._tagged

        def tagged(tags: Any) -> dict[str, Any]:
            asked.append(dict(tags))
            return own(tags)

        monkeypatch.setattr(instances, "_tagged", tagged)
        boot(world)
        world.roll(dry=True)
        assert len(asked) == 2 and all(tags["CostCenter"] == "42" and tags["ramped:role"] == "smoke" for tags in asked)


def test_an_instance_that_somebody_tagged_as_ours_is_not_terminated(world: RollingWorld) -> None:
    ec2 = world.cloud.client("ec2")
    ran = ec2.run_instances(ImageId=world.image, MinCount=1, MaxCount=1, SubnetId=world.fleet.subnets[0])
    foreign = ran["Instances"][0]["InstanceId"]
    ec2.create_tags(Resources=[foreign], Tags=[{"Key": "ramped:role", "Value": "smoke"}, {"Key": "ramped:group", "Value": "web"}])
    # An instance of the group, and one that somebody launched from its template.
    member = world.cloud.members()[0]
    template = {"LaunchTemplateId": world.fleet.template, "Version": "1"}
    where = {"SubnetId": world.fleet.subnets[0], "MinCount": 1, "MaxCount": 1}
    theirs = ec2.run_instances(LaunchTemplate=template, **where)["Instances"][0]["InstanceId"]
    ec2.create_tags(
        Resources=[member, theirs], Tags=[{"Key": "ramped:role", "Value": "smoke"}, {"Key": "ramped:group", "Value": "web"}]
    )
    assert left_over(world.api, "web") == []
    boot(world)
    for id in (member, theirs):
        assert world.cloud.instance(id)["State"]["Name"] in ("pending", "running")
    ec2.delete_tags(Resources=[member], Tags=[{"Key": "ramped:role"}])
    assert world.cloud.instance(foreign)["State"]["Name"] in ("pending", "running")
