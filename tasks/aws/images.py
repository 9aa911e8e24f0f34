"""Images (AMIs): made, found, waited for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ..runtime.cloud import Cloud, error_code


@dataclass(frozen=True)
class Image:
    """One image."""

    id: str
    name: str
    state: str
    reason: str  # why it failed
    created: str
    tags: Mapping[str, str]
    snapshots: Mapping[str, str]  # device name -> snapshot id


def find(cloud: Cloud, tags: Mapping[str, str]) -> list[Image]:
    """Return our own images that bear all these tags, newest first."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    told = cloud.client("ec2").describe_images(Owners=["self"], Filters=filters)["Images"]
    return sorted(map(_image, told), key=lambda i: i.created, reverse=True)


def image(cloud: Cloud, id: str) -> Image | None:
    """Return an image, or None while EC2 does not know it: right after CreateImage it may say NotFound."""
    try:
        told = cloud.client("ec2").describe_images(ImageIds=[id])["Images"]
    except ClientError as error:
        if error_code(error) in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed"):
            return None
        raise
    return _image(told[0]) if told else None


def existing(cloud: Cloud, ids: Sequence[str]) -> dict[str, Image]:
    """Return those of the images that there are, by id."""
    # By a filter, for one unknown id in ImageIds fails the whole call; a filter takes 200 values.
    portions = [list(ids[start : start + 200]) for start in range(0, len(ids), 200)]
    ec2 = cloud.client("ec2")
    answers = [ec2.describe_images(Filters=[{"Name": "image-id", "Values": portion}]) for portion in portions]
    return {told["ImageId"]: _image(told) for answer in answers for told in answer["Images"]}


def create(cloud: Cloud, instance: str, name: str, tags: Mapping[str, str], *, reboot: bool) -> str:
    """Begin to make an image from an instance and return its id; image and snapshots are tagged at creation.

    `name` is the idempotency key: EC2 refuses it a second time (CreateImage has no client token), and tells whose it is: that
    one is ours, begun by a call whose answer was lost.
    """
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    try:
        answer = cloud.client("ec2").create_image(
            InstanceId=instance,
            Name=name,
            NoReboot=not reboot,
            TagSpecifications=[{"ResourceType": kind, "Tags": pairs} for kind in ("image", "snapshot")],
        )
    except ClientError as error:
        begun = re.search(r"\bami-[0-9a-f]+\b", str(error))
        if error_code(error) != "InvalidAMIName.Duplicate" or begun is None:
            raise
        return begun[0]
    return str(answer["ImageId"])


def begun(cloud: Cloud, id: str, tags: Mapping[str, str]) -> bool:
    """Say whether the snapshots of an image are begun: each holds the disk as it was then ("Create Amazon EBS snapshots").

    `tags`: those of the snapshots, of this image alone. While an image is pending, EC2 may not name its snapshots yet.
    """
    told = image(cloud, id)
    if told and told.snapshots:
        return True
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    return bool(cloud.client("ec2").describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"])


def tag(cloud: Cloud, id: str, tags: Mapping[str, str]) -> bool:
    """Set tags on an image; return False while EC2 does not know it: its snapshots may be seen before itself."""
    try:
        cloud.client("ec2").create_tags(Resources=[id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    except ClientError as error:
        if error_code(error) == "InvalidAMIID.NotFound":
            return False
        raise
    return True


def _image(told: Mapping[str, Any]) -> Image:
    return Image(
        id=told["ImageId"],
        name=told.get("Name", ""),
        state=told["State"],
        reason=told.get("StateReason", {}).get("Message", ""),
        created=told.get("CreationDate", ""),
        tags={t["Key"]: t["Value"] for t in told.get("Tags", [])},
        snapshots={
            m["DeviceName"]: m["Ebs"]["SnapshotId"]
            for m in told.get("BlockDeviceMappings", [])
            if "SnapshotId" in m.get("Ebs", {})
        },
    )
