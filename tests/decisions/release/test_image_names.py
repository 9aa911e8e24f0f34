"""Names, tags and contents of images and template versions."""

import re

import pytest

from tasks.decisions.release.image_names import changes, description, image_name, image_tags, revision_of, token, too_small

SHA = "0123456789abcdef0123456789abcdef01234567"


def test_a_name_tells_revision_and_time() -> None:
    assert image_name("www.example.com", SHA, 1_790_000_000.9) == "www.example.com-0123456789ab-20260921141320"


def test_the_longest_prefix_fits() -> None:
    """CreateImage: 3–128 characters, letters, digits and ()[] ./-'@_ only."""
    name = image_name("a" * 100, SHA, 0)
    assert len(name) <= 128 and re.fullmatch(r"[A-Za-z0-9()\[\] ./'@_-]+", name)


def test_tags_tell_what_who_and_when_and_ours_win() -> None:
    tags = image_tags("shop", SHA, "alice@desk", 0, {"team": "web", "Name": "mine", "ramped:revision": "forged"})
    assert tags == {
        "Name": "mine",
        "team": "web",
        "ramped:site": "shop",
        "ramped:revision": SHA,
        "ramped:by": "alice@desk",
        "ramped:at": "1970-01-01T00:00:00Z",
    }


def test_a_description_tells_the_revision_again() -> None:
    text = description(SHA, "ami-0123456789abcdef0")
    assert revision_of(text) == SHA and len(text) <= 255


@pytest.mark.parametrize("text", ["", "made by hand", f"ramped {SHA}", f"ramped {SHA[:-1]} ami-1", f"was ramped {SHA} ami-1"])
def test_a_description_of_somebody_else_tells_nothing(text: str) -> None:
    assert revision_of(text) is None


def test_a_source_without_snapshots_changes_its_image_only() -> None:
    source = {
        "ImageId": "ami-1",
        "InstanceType": "t3.small",
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20}}],
    }
    assert changes(source, "ami-2", {"/dev/sda1": "snap-2"}) == {"ImageId": "ami-2"}
    assert changes({}, "ami-2", {}) == {"ImageId": "ami-2"}


def test_a_pinned_snapshot_becomes_that_of_the_image_and_everything_else_stays() -> None:
    root = {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": "snap-1", "VolumeSize": 20, "Encrypted": True}}
    data = {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": "snap-data"}}
    swap = {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}
    plain = {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 5}}
    source = {"BlockDeviceMappings": [root, data, swap, plain]}
    changed = changes(source, "ami-2", {"/dev/sda1": "snap-2", "/dev/sdg": "snap-g"})
    assert changed["ImageId"] == "ami-2"
    assert changed["BlockDeviceMappings"] == [{**root, "Ebs": {**root["Ebs"], "SnapshotId": "snap-2"}}, data, swap, plain]
    assert root["Ebs"]["SnapshotId"] == "snap-1"  # the source is not touched


def test_a_rate_is_set_on_every_volume_of_the_image_and_on_no_other() -> None:
    root = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20}}
    others = [{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}, {"DeviceName": "/dev/sdf", "NoDevice": ""}]
    snapshots = {"/dev/sda1": "snap-2", "/dev/sdf": "snap-f", "/dev/sdg": "snap-g"}
    changed = changes({"BlockDeviceMappings": [root, *others]}, "ami-2", snapshots, 300)["BlockDeviceMappings"]
    rate = {"VolumeInitializationRate": 300}
    assert changed == [
        {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "SnapshotId": "snap-2", **rate}},
        *others,
        {"DeviceName": "/dev/sdg", "Ebs": {"SnapshotId": "snap-g", **rate}},
    ]
    again = changes({"BlockDeviceMappings": changed}, "ami-3", {"/dev/sda1": "snap-3"})["BlockDeviceMappings"]
    assert again[0]["Ebs"] == {"VolumeSize": 20, "SnapshotId": "snap-3", **rate}, "the source's own rate stays"


def test_volumes_that_could_not_hold_the_image_are_named() -> None:
    source = {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8}}, {"DeviceName": "/dev/sdb"}]}
    assert too_small(source, {"/dev/sda1": 10, "/dev/sdb": 5, "/dev/sdf": 9}) == "its /dev/sda1 has 8 GiB, that of the image 10"
    assert too_small(source, {"/dev/sda1": 8}) == too_small({}, {"/dev/sda1": 8}) == ""


def test_tokens_are_equal_for_equal_requests_only() -> None:
    assert token("lt-1", "3", "ami-1") == token("lt-1", "3", "ami-1")
    assert len({token("lt-1", "3", "ami-1"), token("lt-1", "31", "ami-"), token("lt-13", "", "ami-1")}) == 3
    assert len(token("x")) <= 64  # RunInstances and CreateLaunchTemplateVersion
