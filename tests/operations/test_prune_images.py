"""`prune-images` on the stand-in cloud: what is used in any way stays, the rest goes with its snapshots."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.decisions.access.locks import Holder, parameter, write
from tasks.decisions.release.image_names import description
from tasks.errors import DeployError, Refused, SettingsError
from tasks.operations.prune_images import prune_images
from tasks.runtime.output import Output
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture
def world(keys: None) -> Iterator[RollingWorld]:
    with rolling(1) as built:
        yield built


def release(world: RollingWorld, number: int, *, finished: bool = True, **data: Any) -> tuple[str, str]:
    """Make an image as `bake-ami` does, and a version of it; return their id and number."""
    ec2, revision = world.cloud.client("ec2"), f"{number:040x}"
    image = world.cloud.build_image(f"shop-{number}", f"r{number}")
    # Images of one second have no order.
    world.cloud.standin.world.moto.ec2.amis[image].creation_date = datetime(2026, 1, number, tzinfo=UTC)
    (snapshot,) = snapshots(world, image)
    ours = {"ramped:site": "shop", "ramped:revision": revision} | ({"ramped:clean": "yes"} if finished else {})
    ec2.create_tags(Resources=[image, snapshot], Tags=[{"Key": key, "Value": value} for key, value in ours.items()])
    made = ec2.create_launch_template_version(
        LaunchTemplateId=world.fleet.template,
        SourceVersion="1",
        VersionDescription=description(revision, image),
        LaunchTemplateData={"ImageId": image, **data},
    )
    return image, str(made["LaunchTemplateVersion"]["VersionNumber"])


def snapshots(world: RollingWorld, image: str) -> list[str]:
    (shown,) = world.cloud.client("ec2").describe_images(ImageIds=[image])["Images"]
    return [mapping["Ebs"]["SnapshotId"] for mapping in shown["BlockDeviceMappings"]]


def there(world: RollingWorld) -> set[str]:
    return {shown["ImageId"] for shown in world.cloud.client("ec2").describe_images(Owners=["self"])["Images"]}


def prune(world: RollingWorld, *, dry: bool = False, keep: int = 1, price: float | None = None, **options: Any) -> str:
    mark = len(world.printed)
    prune_images(world.run(dry=dry).with_(image={"snapshot_price": price}), keep, **options)
    return world.printed[mark:]


def test_what_anything_uses_stays_and_the_rest_goes_with_its_snapshots(world: RollingWorld) -> None:
    ec2, autoscaling = world.cloud.client("ec2"), world.cloud.client("autoscaling")
    made = [release(world, number) for number in range(3, 14)]
    alone, theirs, configured, parametered, pinned, to, before, old, older, last, lately = (image for image, _ in made)
    ec2.run_instances(ImageId=alone, MinCount=1, MaxCount=1, SubnetId=world.fleet.subnets[0])
    ec2.create_launch_template(LaunchTemplateName="bastion", LaunchTemplateData={"ImageId": theirs})
    ec2.create_launch_template(LaunchTemplateName="bastion-2", LaunchTemplateData={"ImageId": world.fleet.image})
    autoscaling.create_launch_configuration(LaunchConfigurationName="left", ImageId=configured, InstanceType="t3.small")
    world.cloud.client("ssm").put_parameter(Name="/golden", Value=parametered, Type="String")
    # A version of somebody else that pins a snapshot of an image that it does not boot.
    device = {"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": snapshots(world, pinned)[0]}}
    ec2.create_launch_template_version(
        LaunchTemplateId=world.fleet.template, SourceVersion="1", LaunchTemplateData={"BlockDeviceMappings": [device]}
    )
    release(world, 14)
    numbers = dict(made)
    holder = Holder("t", "ann@desk", f"rollout to version {numbers[to]}", "elsewhere", 1, since=world.run().clock.now())
    world.cloud.client("ssm").put_parameter(Name=parameter("web"), Value=write(holder), Type="String")
    served = {"Key": "ramped:outcome", "Value": "served 2026-01-01T00:00:00Z"}
    ec2.create_tags(Resources=[before], Tags=[served])
    # Of another site, of nobody, and one that somebody has given our tags.
    foreign = [world.cloud.build_image(name) for name in ("blog-1", "by-hand", "before-upgrade")]
    ec2.create_tags(Resources=foreign[:1], Tags=[{"Key": "ramped:site", "Value": "blog"}])
    ec2.create_tags(
        Resources=foreign[2:], Tags=[{"Key": "ramped:site", "Value": "shop"}, {"Key": "ramped:clean", "Value": "yes"}]
    )
    gone = [old, older, last, lately]
    held = [id for image in gone for id in snapshots(world, image)]

    planned = json.loads(said(world, dry=True))
    assert sorted(i["image"] for i in planned["images"] if i["removed"]) == sorted(gone)
    assert there(world) >= set(gone)
    printed = prune(world, price=0.05)
    assert "4 images removed: at most 32 GiB of snapshots; at most 1.60 a month" in printed
    assert not there(world) & set(gone)
    assert not {s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]} & set(held)
    assert there(world) >= {*numbers, *foreign, world.image, world.fleet.image} - set(gone)
    for reason in (
        rf"{foreign[2]} .* bake-ami did not name it",
        rf"{alone} .* boots from it",
        rf"{theirs} .* version 1 of lt-\w+, which is not ours",
        rf"{configured} .* launch configuration left",
        rf"{parametered} .* ssm:Parameter arn:aws:ssm:.*parameter/golden",
        rf"{pinned} .* version \d+ of lt-\w+, which is not ours",
        rf"{to} .* a rollout of web goes to it",
        rf"{before} .* one of the newest 1 that served in web",
    ):
        assert re.search(reason, printed), reason
    assert "0 images removed" in prune(world)


def said(world: RollingWorld, *, dry: bool) -> str:
    out = io.StringIO()
    prune_images(replace(world.run(dry=dry), out=Output(out, out)), 1, as_json=True)
    return out.getvalue()


def test_a_run_that_died_is_completed_and_what_cannot_be_removed_is_named(world: RollingWorld) -> None:
    images = [release(world, number)[0] for number in range(3, 8)]
    world.cloud.control("faults", {"denied": ["DeregisterImage"]})
    with pytest.raises(DeployError, match=rf"not removed:\n  - {images[0]}: UnauthorizedOperation"):
        prune(world)
    assert there(world) >= set(images)
    world.cloud.control("faults", {"denied": []})
    # Marked, so nothing begins to use it: the next run finishes.
    with pytest.raises(Refused, match=f"names image {images[0]}, which is being removed by prune-images"):
        world.roll("3")
    prune(world)
    assert there(world) & set(images) == {images[-1]}


def test_what_begins_to_be_used_after_the_mark_stays_and_loses_it(world: RollingWorld) -> None:
    ec2 = world.cloud.client("ec2")
    image, _ = release(world, 3)
    release(world, 4)
    ec2.create_tags(Resources=[image], Tags=[{"Key": "ramped:retired", "Value": "2026-01-01T00:00:00Z"}])
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=world.fleet.subnets[0])
    assert f"{image} stays after all: i-" in prune(world)
    (shown,) = ec2.describe_images(ImageIds=[image])["Images"]
    assert "ramped:retired" not in {tag["Key"] for tag in shown["Tags"]}


def test_without_the_list_of_aws_it_says_what_was_not_seen(world: RollingWorld) -> None:
    release(world, 3)
    world.cloud.control("faults", {"denied": ["DescribeImageReferences"]})
    printed = prune(world, dry=True)
    assert "SSM parameters and recipes of Image Builder were not looked at: DescribeImageReferences: Unauthorized" in printed
    with pytest.raises(SettingsError, match="--keep: found 0; allowed: 1 or more"):
        prune(world, keep=0)
    # Which image a parameter names, only that list knows.
    aliased = {"ImageId": "resolve:ssm:/site/ami", "InstanceType": "t3.small"}
    world.cloud.client("ec2").create_launch_template_version(LaunchTemplateId=world.fleet.template, LaunchTemplateData=aliased)
    with pytest.raises(Refused, match="templates name images by resolve:ssm:/site/ami, and DescribeImageReferences"):
        prune(world, dry=True)


def test_beside_a_running_rollout_both_of_its_versions_stay(world: RollingWorld) -> None:
    source, first = release(world, 3)
    world.roll(first)
    target, number = release(world, 4)
    loose = [release(world, n)[0] for n in (5, 6, 7)]
    world.when("terminate i-", lambda: prune(world))
    with world.watched():
        world.roll(number)
    world.assert_done(number)
    assert there(world) >= {source, target, loose[-1]}
    assert not there(world) & set(loose[:2])
