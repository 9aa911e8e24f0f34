"""Images (AMIs): made, found, waited for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ..decisions.release.image_pruning import RETIRED, SiteSnapshot
from ..errors import Refused
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
    sizes: Mapping[str, int]  # device name -> GiB
    source: str  # the instance that it was made from, by EC2, which no caller can set; "" for a registered or copied image

    @property
    def usable(self) -> bool:
        """Return whether something may begin to use it: not when prune-images is removing it."""
        return self.state == "available" and RETIRED not in self.tags


def find(cloud: Cloud, tags: Mapping[str, str]) -> list[Image]:
    """Return our own images that have all these tags, newest first."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    shown = cloud.client("ec2").describe_images(Owners=["self"], Filters=filters)["Images"]
    return sorted(map(_image, shown), key=lambda i: i.created, reverse=True)


def image(cloud: Cloud, id: str) -> Image | None:
    """Return an image, or None while EC2 does not know it: right after CreateImage it may say NotFound."""
    try:
        shown = cloud.client("ec2").describe_images(ImageIds=[id])["Images"]
    except ClientError as error:
        if error_code(error) in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed"):
            return None
        raise
    return _image(shown[0]) if shown else None


def existing(cloud: Cloud, ids: Sequence[str]) -> dict[str, Image]:
    """Return the images that exist, by id."""
    # By a filter, since one unknown id in ImageIds fails the whole call; a filter takes 200 values.
    portions = [list(ids[start : start + 200]) for start in range(0, len(ids), 200)]
    ec2 = cloud.client("ec2")
    answers = [ec2.describe_images(Filters=[{"Name": "image-id", "Values": portion}]) for portion in portions]
    return {shown["ImageId"]: _image(shown) for answer in answers for shown in answer["Images"]}


def create(cloud: Cloud, instance: str, name: str, tags: Mapping[str, str], *, reboot: bool, without: Sequence[str] = ()) -> str:
    """Begin to create an image from an instance and return its id; image and snapshots are tagged at creation.

    `without`: devices that it does not hold.
    `name` is the idempotency key: EC2 refuses it a second time (CreateImage has no client token) and names the existing image,
    from a call whose answer was lost. Raises Refused where that image has not our tags: somebody else made it.
    """
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    try:
        answer = cloud.client("ec2").create_image(
            InstanceId=instance,
            Name=name,
            NoReboot=not reboot,
            **({"BlockDeviceMappings": [{"DeviceName": device, "NoDevice": ""} for device in without]} if without else {}),
            TagSpecifications=[{"ResourceType": kind, "Tags": pairs} for kind in ("image", "snapshot")],
        )
    except ClientError as error:
        begun = re.search(r"\bami-[0-9a-f]+\b", str(error))
        if error_code(error) != "InvalidAMIName.Duplicate" or begun is None:
            raise
        there = image(cloud, begun[0])
        if there is not None and {key: there.tags.get(key) for key in tags} != dict(tags):
            raise Refused(f"image {there.id} has the name {name} already, and is not of this run: run the same again") from error
        return begun[0]
    return str(answer["ImageId"])


def begun(cloud: Cloud, id: str, tags: Mapping[str, str]) -> bool:
    """Return whether the snapshots of an image have begun: each holds the disk as of then ("Create Amazon EBS snapshots").

    `tags`: on the snapshots of this image alone. While an image is pending, EC2 may not name its snapshots yet.
    """
    found = image(cloud, id)
    if found and found.snapshots:
        return True
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    return bool(cloud.client("ec2").describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"])


def tag(cloud: Cloud, id: str, tags: Mapping[str, str]) -> bool:
    """Set tags on an image; return False while EC2 does not know it: its snapshots may appear first."""
    try:
        cloud.client("ec2").create_tags(Resources=[id], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    except ClientError as error:
        if error_code(error) == "InvalidAMIID.NotFound":
            return False
        raise
    return True


def owned(cloud: Cloud) -> list[Image]:
    """Return every image of this account, ours or not."""
    pages = cloud.client("ec2").get_paginator("describe_images").paginate(Owners=["self"])
    return [_image(shown) for page in pages for shown in page["Images"]]


def snapshots(cloud: Cloud, tags: Mapping[str, str]) -> list[SiteSnapshot]:
    """Return the account's snapshots that have all these tags."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    pages = cloud.client("ec2").get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
    return [
        SiteSnapshot(
            shown["SnapshotId"],
            shown["StartTime"].timestamp(),
            shown["State"],
            shown.get("Description", ""),
            shown.get("VolumeSize", 0),
        )
        for page in pages
        for shown in page["Snapshots"]
    ]


def untag(cloud: Cloud, ids: Sequence[str], keys: Sequence[str]) -> None:
    """Delete tags of images, whatever their values."""
    cloud.client("ec2").delete_tags(Resources=list(ids), Tags=[{"Key": key} for key in keys])


def tag_all(cloud: Cloud, ids: Sequence[str], tags: Mapping[str, str]) -> None:
    """Set tags on images that EC2 knows."""
    cloud.client("ec2").create_tags(Resources=list(ids), Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


def remove(cloud: Cloud, id: str) -> str:
    """Deregister an image and delete its snapshots, unless another image has them too; return what went wrong, or "".

    An image that is gone already is no error.
    """
    try:
        answer = cloud.client("ec2").deregister_image(ImageId=id, DeleteAssociatedSnapshots=True)
    except ClientError as error:
        if error_code(error) in ("InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"):
            return ""
        return f"{error_code(error)}: {error.response['Error'].get('Message', '')}"
    results = answer.get("DeleteSnapshotResults", [])
    kept = [f"{r['SnapshotId']}: {r['ReturnCode']}" for r in results if r["ReturnCode"] not in ("success", "skipped")]
    return f"snapshots are left: {', '.join(kept)}" if kept else ""


def delete_snapshot(cloud: Cloud, id: str) -> str:
    """Delete a snapshot; return what went wrong, or "". A snapshot that is gone already is no error."""
    try:
        cloud.client("ec2").delete_snapshot(SnapshotId=id)
    except ClientError as error:
        if error_code(error) == "InvalidSnapshot.NotFound":
            return ""
        return f"{error_code(error)}: {error.response['Error'].get('Message', '')}"
    return ""


def _image(shown: Mapping[str, Any]) -> Image:
    return Image(
        id=shown["ImageId"],
        name=shown.get("Name", ""),
        state=shown["State"],
        reason=shown.get("StateReason", {}).get("Message", ""),
        created=shown.get("CreationDate", ""),
        tags={t["Key"]: t["Value"] for t in shown.get("Tags", [])},
        snapshots={
            m["DeviceName"]: m["Ebs"]["SnapshotId"]
            for m in shown.get("BlockDeviceMappings", [])
            if "SnapshotId" in m.get("Ebs", {})
        },
        sizes={m["DeviceName"]: m["Ebs"].get("VolumeSize", 0) for m in shown.get("BlockDeviceMappings", []) if "Ebs" in m},
        source=shown.get("SourceInstanceId", ""),
    )
