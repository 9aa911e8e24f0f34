"""`bake-ami` on the stand-in cloud: images of a real disk, versions of a real template."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tasks.aws import images as amis
from tasks.errors import CloudError, Refused, RemoteFailed, TimedOut
from tasks.fleet.host_image import quiet
from tasks.hosts.management import open_management
from tasks.hosts.ssh import Host
from tasks.operations.bake_ami import Baking, bake
from tasks.runtime.waiting import SystemClock
from tests.worlds.shipping_world import changes, fast, tagged, world_in
from tests.worlds.shop_world import DOMAIN, ShopWorld, credentials


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, world: ShopWorld) -> None:
    credentials(monkeypatch)
    for image in images(world):
        world.cloud.client("ec2").deregister_image(ImageId=image["ImageId"])
    tagged(world, world.v1)


def images(world: ShopWorld) -> list[dict[str, Any]]:
    found = world.cloud.client("ec2").describe_images(Owners=["self"], Filters=[{"Name": "tag-key", "Values": ["ramped:site"]}])
    return list(found["Images"])


def template(world: ShopWorld) -> tuple[str, list[dict[str, Any]]]:
    found = world.cloud.client("ec2").describe_launch_template_versions(LaunchTemplateName="web")["LaunchTemplateVersions"]
    return found[0]["LaunchTemplateId"], found


def answers(world: ShopWorld) -> int:
    from tests.rehearsal.hosts.support import ask

    return ask(world.address(), 8080, f"/health_check/{DOMAIN}")[0]


def active(host: Host) -> str:
    return host.run("systemctl is-active shop.service", check=False).text


def test_an_image_and_a_version_are_made_once_for_a_revision(world: ShopWorld) -> None:
    made = bake(fast(world, image={"tags": {"team": "web"}}))
    (image,) = images(world)
    lt, versions = template(world)
    assert {template: version.number for template, version in made.items()} == {lt: str(versions[0]["VersionNumber"])}
    assert image["Name"].startswith(f"shop-{world.v1[:12]}-")
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert (tags["ramped:revision"], tags["ramped:site"], tags["team"]) == (world.v1, "shop", "web")
    assert "@" in tags["ramped:by"] and tags["ramped:at"].endswith("Z")
    snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    (shown,) = world.cloud.client("ec2").describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    assert {tag["Key"]: tag["Value"] for tag in shown["Tags"]} | {"ramped:clean": "no"} == tags
    assert versions[0]["VersionDescription"] == f"ramped {world.v1} {image['ImageId']}"
    assert versions[0]["LaunchTemplateData"]["ImageId"] == image["ImageId"]
    assert not versions[0]["DefaultVersion"] and answers(world) == 200

    forged = world.cloud.client("ec2").register_image(Name="shop-forged", RootDeviceName="/dev/sda1")["ImageId"]
    world.cloud.client("ec2").create_tags(Resources=[forged], Tags=image["Tags"])
    with changes(world) as calls:
        assert bake(fast(world)) == made
    assert calls == []
    known = f"image {image['ImageId']} of {world.v1[:12]} is available: using it again"
    assert f"{known}; it holds what was there at {image['CreationDate']}" in world.printed
    assert f"image {forged} has the tags of {world.v1[:12]}, but is no image of an instance: not used" in world.printed


def test_no_version_boots_the_image_of_a_revision_that_was_replaced_meanwhile(world: ShopWorld) -> None:
    """While old instances are reloaded a colleague may deploy, with migrations that this release does not know."""
    with Baking(fast(world)) as baking:
        baking.finish()
    tagged(world, "f" * 40)
    with (
        changes(world) as calls,
        pytest.raises(Refused, match="was deployed to meanwhile: its verified revision is ffffffffffff"),
    ):
        baking.versions()
    assert calls == []


def test_an_image_is_tagged_although_ec2_shows_its_snapshots_first(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = replace(world.standin.options, image_not_found=3600.0, image=3600.0)
    monkeypatch.setattr(world.standin.world._images, "_options", hidden)
    refused = re.compile(r"EC2 does not know ami-\w+ yet")

    class Comes(SystemClock):
        def sleep(self, seconds: float) -> None:
            if refused.search(world.printed):
                for baking in world.standin.world._images._baking:
                    baking.visible = baking.available = 0.0
            super().sleep(0.1)

    run = fast(world)
    bake(type(run)(run.settings, run.out, Comes(), False, "fab bake-ami"))
    (image,) = images(world)
    assert {tag["Key"]: tag["Value"] for tag in image["Tags"]}["ramped:clean"] == "no"
    assert refused.search(world.printed)


def test_an_image_that_is_still_coming_is_picked_up(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(world, monkeypatch)

    class Dies(SystemClock):
        def sleep(self, seconds: float) -> None:
            if any("ramped:clean" in {tag["Key"] for tag in image["Tags"]} for image in images(world)):
                raise KeyboardInterrupt
            super().sleep(seconds)

    run = fast(world)
    with pytest.raises(KeyboardInterrupt):
        bake(type(run)(run.settings, run.out, Dies(), False, "fab bake-ami"))
    world.standin.world._images._baking[0].available = 0
    with changes(world) as calls:
        bake(fast(world))
    assert "CreateImage" not in calls and len(images(world)) == 1
    assert answers(world) == 200


def test_an_image_of_the_same_name_that_somebody_else_made_is_not_taken(world: ShopWorld) -> None:
    api = fast(world).cloud
    of = {"Name": "shop", "ramped:site": "shop", "ramped:by": "somebody", "ramped:at": "2026-01-01T00:00:00Z"}
    theirs = amis.create(api, world.management, "shop-taken", {**of, "ramped:revision": "1" * 40}, reboot=False)
    world.cloud.wait(lambda: amis.image(api, theirs))
    assert amis.create(api, world.management, "shop-taken", {**of, "ramped:revision": "1" * 40}, reboot=False) == theirs
    with pytest.raises(Refused, match=f"image {theirs} has the name shop-taken already, and is not of this run"):
        amis.create(api, world.management, "shop-taken", {**of, "ramped:revision": "2" * 40}, reboot=False)


def test_a_lost_answer_makes_no_second_image(world: ShopWorld) -> None:
    world.cloud.control("faults", {"lost_answers": {"CreateImage": 1, "CreateLaunchTemplateVersion": 1}})
    _, before = template(world)
    bake(fast(world))
    assert len(images(world)) == 1 and len(template(world)[1]) == len(before) + 1
    assert not any(world.cloud.control("faults")["lost_answers"].values())


def test_a_fresh_one_can_be_asked_for(world: ShopWorld) -> None:
    first = bake(fast(world))
    world.cloud.wait(lambda: images(world)[0]["State"] == "available")
    run = fast(world)
    ahead = SystemClock()
    ahead.now = lambda: SystemClock.now(ahead) + 60  # type: ignore[method-assign]
    second = bake(type(run)(run.settings, run.out, ahead, False, "fab bake-ami"), fresh=True)
    assert first != second and len(images(world)) == 2


def slow(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let images take an hour from now on."""
    monkeypatch.setattr(world.standin.world._images, "_options", replace(world.standin.options, image=3600.0))


def test_an_image_that_fails_is_one_line(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(world, monkeypatch)

    class Spoils(SystemClock):
        def sleep(self, seconds: float) -> None:
            for baking in world.standin.world._images._baking:
                baking.image.state = "failed"
            super().sleep(0.1)

    run = fast(world)
    with pytest.raises(CloudError, match=r"image ami-\w+ is failed: .*Run bake-ami again for a new one"):
        bake(type(run)(run.settings, run.out, Spoils(), False, "fab bake-ami"))
    monkeypatch.undo()
    credentials(monkeypatch)
    # The name of an image holds its second, and of that name there is one.
    began = int(time.time())
    world.cloud.wait(lambda: int(time.time()) > began)
    bake(fast(world))
    assert sorted(one["State"] for one in images(world)) == ["available", "failed"]


def test_one_that_takes_too_long_says_what_was_seen_last(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    slow(world, monkeypatch)
    with pytest.raises(TimedOut, match=r"image ami-\w+: not within 0 s; last seen: ami-\w+ is (pending|not known yet)"):
        bake(fast(world, image={"timeout": 0.01}))


@pytest.mark.parametrize("state", ["another revision", "not verified"])
def test_a_deploy_that_was_not_finished_is_refused(world: ShopWorld, state: str) -> None:
    if state == "another revision":
        (world.disk() / "app/REVISION").write_text(f"{world.v2}\n")
    else:
        world.cloud.client("ec2").delete_tags(Resources=[world.management], Tags=[{"Key": "ramped:revision"}])
    with changes(world) as calls, pytest.raises(Refused, match="run deploy to its end first"):
        bake(fast(world))
    assert calls == []


def test_the_tag_of_a_deploy_that_ended_a_moment_ago_may_come_late(world: ShopWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    ec2, run = world.cloud.client("ec2"), fast(world)
    ec2.delete_tags(Resources=[world.management], Tags=[{"Key": "ramped:revision"}])
    waits: list[str] = []

    def shown(text: str) -> None:
        waits.append(text)
        tagged(world, world.v1)

    monkeypatch.setattr(run.out, "progress", shown)
    assert bake(run) and "the verified revision is none" in waits[0]


def test_snapshots_that_the_template_pins_are_those_of_the_new_image(world: ShopWorld) -> None:
    ec2 = world.cloud.client("ec2")
    lt, versions = template(world)
    volume = ec2.create_volume(AvailabilityZone="eu-central-1a", Size=1)["VolumeId"]
    old = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    pinned = [
        {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": old, "VolumeSize": 12}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ]
    source = ec2.create_launch_template_version(
        LaunchTemplateId=lt, SourceVersion="1", LaunchTemplateData={"BlockDeviceMappings": pinned}
    )["LaunchTemplateVersion"]["VersionNumber"]
    reference = {"LaunchTemplateId": lt, "Version": str(source)}
    world.cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=reference)
    try:
        bake(fast(world, image={"initialization_rate": 300}))
    finally:
        world.cloud.client("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName="web", LaunchTemplate=reference | {"Version": "1"}
        )
    (image,) = images(world)
    root = next(one["Ebs"]["SnapshotId"] for one in image["BlockDeviceMappings"] if one["DeviceName"] == "/dev/sda1")
    made = template(world)[1][0]["LaunchTemplateData"]["BlockDeviceMappings"]
    ebs = {"SnapshotId": root, "VolumeSize": 12, "VolumeInitializationRate": 300}
    assert made[0] == {"DeviceName": "/dev/sda1", "Ebs": ebs} and made[1] == pinned[1]
    assert root != old


def test_the_image_holds_the_root_volume_alone_unless_all_are_wanted(world: ShopWorld) -> None:
    ec2 = world.cloud.client("ec2")
    zone = world.cloud.instance(world.management)["Placement"]["AvailabilityZone"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=100)["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=world.management, Device="/dev/sdf")
    try:
        bake(fast(world))
        assert [one["DeviceName"] for one in images(world)[0]["BlockDeviceMappings"]] == ["/dev/sda1"]
        assert "not in the image: /dev/sdf (image.volumes: root)" in world.printed and "holds /dev/sda1 (8 GiB)" in world.printed
        bake(fast(world, image={"volumes": "all"}), fresh=True)
        newest = max(images(world), key=lambda image: image["CreationDate"])
        assert [one["DeviceName"] for one in newest["BlockDeviceMappings"]] == ["/dev/sda1", "/dev/sdf"]
        assert "/dev/sdf (100 GiB)" in world.printed
    finally:
        ec2.detach_volume(VolumeId=volume, InstanceId=world.management, Device="/dev/sdf")


def test_a_version_that_ec2_does_not_show_yet_is_waited_for(world: ShopWorld) -> None:
    before = world.cloud.control("options")["read_lag"]
    world.cloud.control("options", {"read_lag": 60.0})
    try:
        ((_, made),) = bake(fast(world)).items()
    finally:
        world.cloud.control("options", {"read_lag": before})
    assert made.number == str(template(world)[1][0]["VersionNumber"]) and made.image == images(world)[0]["ImageId"]


def test_a_template_whose_volume_is_too_small_gets_no_version(world: ShopWorld) -> None:
    ec2 = world.cloud.client("ec2")
    lt, before = template(world)
    small = [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 4}}]
    made = ec2.create_launch_template_version(
        LaunchTemplateId=lt, SourceVersion="1", LaunchTemplateData={"BlockDeviceMappings": small}
    )["LaunchTemplateVersion"]
    reference = {"LaunchTemplateId": lt, "Version": str(made["VersionNumber"])}
    scaling = world.cloud.client("autoscaling")
    scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=reference)
    try:
        with pytest.raises(Refused, match="its /dev/sda1 has 4 GiB, that of the image 8"):
            bake(fast(world))
        assert len(template(world)[1]) == len(before) + 1
    finally:
        scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=reference | {"Version": "1"})


def test_the_services_come_back_though_the_image_cannot_be_made(world: ShopWorld) -> None:
    from botocore.exceptions import ClientError

    world.cloud.control("faults", {"denied": ["CreateImage"]})
    try:
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            bake(fast(world))
    finally:
        world.cloud.control("faults", {"denied": []})
    world.cloud.wait(lambda: answers(world) == 200)


def test_they_stand_still_meanwhile_unless_ec2_reboots(world: ShopWorld) -> None:
    _, host = open_management(fast(world))
    with host:
        with quiet(fast(world), host):
            assert active(host) == "inactive"
        assert active(host) == "active" and answers(world) == 200
        with quiet(fast(world, image={"reboot": True}), host):
            assert active(host) == "active"


def test_a_service_that_does_not_exist_is_named(world: ShopWorld) -> None:
    with pytest.raises(RemoteFailed, match="nothing.service"):
        bake(fast(world, app={"services": ("nothing.service",)}))
    assert images(world) == []


def test_a_dry_run_says_what_would_be_made(world: ShopWorld) -> None:
    with changes(world) as calls:
        (foreseen,) = bake(fast(world, dry=True)).values()
    newest = template(world)[1][0]["VersionNumber"]
    assert (foreseen.number, foreseen.image) == (str(newest + 1), "")
    assert calls == []
    assert f"would make an image of revision {world.v1[:12]}" in world.printed
    assert f"would make version {newest + 1} of lt-" in world.printed
