"""Names, tags and parameters of an image and a template version."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from typing import Any

SITE, REVISION, BY, AT = "ramped:site", "ramped:revision", "ramped:by", "ramped:at"  # tags: see aws/tags.py
DESCRIPTION = re.compile(r"^ramped ([0-9a-f]{40}) (ami-[0-9a-f]+)$")


def image_name(prefix: str, revision: str, now: float) -> str:
    """Return a unique name for an image; `now` in epoch seconds (CreateImage: 3–128 characters of a restricted set)."""
    return f"{prefix}-{revision[:12]}-{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}"


def image_tags(prefix: str, revision: str, by: str, now: float, more: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of an image and its snapshots: content, author, time."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    return {"Name": prefix, **more, SITE: prefix, REVISION: revision, BY: by, AT: at}


def description(revision: str, image: str) -> str:
    """Return the description of a template version."""
    return f"ramped {revision} {image}"


def revision_of(description: str) -> str | None:
    """Return the revision that a template version boots, or None where the version is not ours."""
    match = DESCRIPTION.match(description)
    return match[1] if match else None


def changes(source: Mapping[str, Any], image: str, snapshots: Mapping[str, str], rate: int | None = None) -> dict[str, Any]:
    """Return the parameters that a template version changes of its source's.

    `snapshots`: device name -> snapshot of the image. A device that pins a snapshot gets the new image's; the list of devices
    replaces the source's as a whole (CreateLaunchTemplateVersion), so the others are copied. A device that pins a snapshot
    of a device that is not in the image keeps it. `rate`: MiB/s at which EBS downloads the snapshots of the image
    (VolumeInitializationRate, for volumes from snapshots alone); None: as the source has it.
    """
    devices = [dict(d) for d in source.get("BlockDeviceMappings", [])]
    if rate is not None:
        devices = _initialized(devices, snapshots, rate)
    if not any("SnapshotId" in d.get("Ebs", {}) for d in devices):
        return {"ImageId": image}
    for device in devices:
        new = snapshots.get(device.get("DeviceName", ""))
        if new and "SnapshotId" in device.get("Ebs", {}):
            device["Ebs"] = {**device["Ebs"], "SnapshotId": new}
    return {"ImageId": image, "BlockDeviceMappings": devices}


def _initialized(devices: list[dict[str, Any]], snapshots: Mapping[str, str], rate: int) -> list[dict[str, Any]]:
    named = {d.get("DeviceName", ""): d for d in devices}
    added = [{"DeviceName": device} for device in snapshots if device not in named]
    return [
        {**d, "Ebs": {**d.get("Ebs", {}), "SnapshotId": snapshots[name], "VolumeInitializationRate": rate}}
        if (name := d.get("DeviceName", "")) in snapshots and "NoDevice" not in d
        else d
        for d in [*devices, *added]
    ]


def too_small(source: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    """Return which volumes of a template version are smaller than those of an image, or nothing; `sizes` in GiB by device.

    EC2 refuses such a launch ("Volume of size N is smaller than snapshot").
    """
    wanted = {d.get("DeviceName", ""): d.get("Ebs", {}).get("VolumeSize") for d in source.get("BlockDeviceMappings", [])}
    return ", ".join(
        f"its {device} has {wanted[device]} GiB, that of the image {size}"
        for device, size in sizes.items()
        if wanted.get(device) is not None and int(wanted[device]) < size
    )


def token(*parts: str) -> str:
    """Return a client token that is the same for the same request (CreateLaunchTemplateVersion, RunInstances)."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:64]
