"""`management-create`, `-start`, `-stop` on the stand-in cloud."""

from collections.abc import Iterator

import pytest

from tasks.errors import DeployError, Refused
from tasks.operations.management import management_create, management_start, management_stop
from tests.worlds.shipping_world import changes, fast, world_in
from tests.worlds.shop_world import ShopWorld, credentials

create, start, halt = (task for task in (management_create, management_start, management_stop))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def state(world: ShopWorld) -> str:
    return str(world.cloud.instance(world.management)["State"]["Name"])


def test_it_is_stopped_and_started_and_each_twice_does_no_harm(world: ShopWorld) -> None:
    with changes(world) as calls:
        halt(fast(world, dry=True))
    assert calls == [] and f"would stop {world.management}" in world.printed
    halt(fast(world))
    assert state(world) == "stopped"
    halt(fast(world))
    assert f"{world.management} is stopped" in world.printed

    with changes(world) as calls:
        start(fast(world, dry=True))
    assert calls == [] and f"would start {world.management}, which is stopped" in world.printed
    start(fast(world))
    assert state(world) == "running" and f"{world.management} ({world.address()}) runs, SSH answers" in world.printed
    start(fast(world))
    assert world.calls("ec2:StartInstances") == 1


def test_one_that_is_there_is_not_made_again(world: ShopWorld) -> None:
    with changes(world) as calls:
        create(fast(world))
    assert calls == [] and f"the management instance {world.management} exists already, running" in world.printed


def test_an_id_that_is_not_there_is_refused(world: ShopWorld) -> None:
    gone = {"instance_id": "i-00000000000000000"}
    with pytest.raises(Refused, match="management.instance_id: i-00000000000000000 does not exist; remove the setting"):
        create(fast(world, management=gone))
    with pytest.raises(Refused, match="i-00000000000000000 does not exist. Create it with management-create"):
        halt(fast(world, management=gone))


def test_it_is_made_from_the_template_outside_the_group_and_tagged(world: ShopWorld) -> None:
    other = {"tag": "role=builder"}
    with changes(world) as calls:
        create(fast(world, dry=True, management=other))
    assert calls == [] and "would launch version 1 of lt-" in world.printed
    create(fast(world, management=other))
    found = world.cloud.client("ec2").describe_instances(Filters=[{"Name": "tag:role", "Values": ["builder"]}])
    (made,) = found["Reservations"][0]["Instances"]
    assert made["State"]["Name"] == "running" and made["ImageId"] == world.image and made["SubnetId"] == world.subnets[0]
    tags = {tag["Key"]: tag["Value"] for tag in made["Tags"]}
    assert tags["Name"] == "web management" and made["InstanceId"] not in world.cloud.members()
    assert (
        made["MetadataOptions"]["InstanceMetadataTags"] == "enabled" and f"{made['InstanceId']} cannot see" not in world.printed
    )
    seen = world.standin.described(made["PrivateIpAddress"])
    assert seen and (seen.id, seen.shows_tags, seen.tags["role"]) == (made["InstanceId"], True, "builder")
    world.cloud.client("ec2").terminate_instances(InstanceIds=[made["InstanceId"]])


def test_one_whose_tag_ec2_would_not_show_is_made_all_the_same_and_told_of(world: ShopWorld) -> None:
    create(fast(world, management={"tag": "what for=builds"}))
    found = world.cloud.client("ec2").describe_instances(Filters=[{"Name": "tag:what for", "Values": ["builds"]}])
    (made,) = found["Reservations"][0]["Instances"]
    assert made["MetadataOptions"]["InstanceMetadataTags"] == "disabled"
    assert "tags what for: with such a key" in world.printed
    world.cloud.client("ec2").terminate_instances(InstanceIds=[made["InstanceId"]])


def test_one_that_cannot_see_its_tags_is_told_of_where_it_runs_jobs(world: ShopWorld) -> None:
    line = f"{world.management} cannot see its tags"
    told = world.printed.count(line)
    start(fast(world))
    assert world.printed.count(line) == told
    start(fast(world, management={"keep_running": True}))
    assert world.printed.count(line) == told + 1
    world.cloud.client("ec2").modify_instance_metadata_options(InstanceId=world.management, InstanceMetadataTags="enabled")
    create(fast(world))
    assert world.printed.count(line) == told + 1


def test_none_at_all_says_how_to_make_one(world: ShopWorld) -> None:
    with pytest.raises(Refused, match="an instance with the tag role=nobody does not exist. Create it with management-create"):
        start(fast(world, management={"tag": "role=nobody"}))


def test_a_group_that_does_not_exist_is_refused_with_those_that_do(world: ShopWorld) -> None:
    from dataclasses import replace

    run = fast(world, management={"tag": "role=nobody"})
    run = replace(run, settings=replace(run.settings, groups=("wep",)))
    with pytest.raises(DeployError, match="groups: no Auto Scaling group wep in this account and region; there are: web"):
        create(run)
