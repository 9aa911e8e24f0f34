"""Images: copies of an instance's disk, with snapshots of every device, pending for a while."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models.amis import Ami
from moto.ec2.utils import random_ami_id

from ..hosts.base import CopyingHosts, Hosts
from .consistency import Consistency
from .errors import ApiError
from .moto_state import MotoState
from .options import Options
from .timing import Timing

NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


@dataclass
class Baking:
    """An image that is not yet available: the API may know nothing of it before `visible`, nor of its snapshots."""

    image: Any
    visible: float
    available: float
    snapshots: dict[str, Any] = field(default_factory=dict)


class Images:
    """The images of the account, kept in moto; what moto does not know stands here."""

    def __init__(self, moto: MotoState, hosts: Hosts, options: Options, timing: Timing, consistency: Consistency) -> None:
        self._moto = moto
        self._hosts = hosts
        self._options = options
        self._timing = timing
        self._consistency = consistency
        self._baking: list[Baking] = []
        self._gone: set[str] = set()

    def _names(self) -> dict[str, str]:
        known = {image.name: image.id for image in self._moto.ec2.amis.values()}
        return {**known, **{baking.image.name: baking.image.id for baking in self._baking}}

    def _new(self, name: str, description: str, mappings: Sequence[Mapping[str, Any]], **more: Any) -> Any:
        if not NAME.fullmatch(name):
            raise ApiError(
                "InvalidAMIName.Malformed", f"AMI names must be between 3 and 128 characters of a restricted set: '{name}'."
            )
        if name in self._names():
            message = f"AMI name {name} is already in use by AMI {self._names()[name]}"
            raise ApiError("InvalidAMIName.Duplicate", message)
        zone = f"{self._moto.region}a"
        image: Any = Ami(
            self._moto.ec2, random_ami_id(), name=name, description=description, root_device_type="ebs", region_name=zone, **more
        )
        # moto makes one 15 GiB snapshot of its own for each image
        self._moto.ec2.delete_snapshot(image.ebs_snapshot.id)
        image.real_mappings = [dict(mapping) for mapping in mappings]
        return image

    def bake(self, instance: Any, name: str, description: str, *, no_reboot: bool, without: Sequence[str] = ()) -> Any:
        """Begin an image of an instance's disk, and snapshots of its volumes; reboot the instance unless `no_reboot`.

        `without`: devices that are left out.
        """
        image = self._new(name, description, [], instance=instance)
        devices = [(device, block) for device, block in self._devices(instance) if device not in without]
        image.real_mappings = [self._snapshot(instance, image.id, device, block) for device, block in devices]
        image.state = "pending"
        now = self._timing.now()
        # A snapshot that can be described is begun, so it must hold the disk as it is then.
        hidden = {id: self._moto.ec2.snapshots.pop(id) for id in self.snapshots(image)}
        self._baking.append(Baking(image, now + self._options.image_not_found, now + self._options.image, hidden))
        rests = instance.state == "running" and not no_reboot
        if rests:
            self._hosts.stop(instance.id)
        self._hosts.snapshot(instance.id, image.id)
        if rests:
            self._hosts.start(instance.id)
        return image

    @staticmethod
    def _devices(instance: Any) -> list[tuple[str, Any]]:
        return list(instance.get_block_device_mapping)

    def _snapshot(self, instance: Any, image_id: str, device: str, block: Any) -> dict[str, Any]:
        text = f"Created by CreateImage({instance.id}) for {image_id}"
        snapshot = self._moto.ec2.create_snapshot(block.volume_id, text, self._moto.account, from_ami=image_id)
        volume = self._moto.ec2.get_volume(block.volume_id)
        return {
            "DeviceName": device,
            "Ebs": {
                "SnapshotId": snapshot.id,
                "VolumeSize": volume.size,
                "VolumeType": volume.volume_type or "gp2",
                "DeleteOnTermination": bool(block.delete_on_termination),
                "Encrypted": bool(volume.encrypted),
            },
        }

    def register(self, name: str, description: str, mappings: Sequence[Mapping[str, Any]], root: str) -> Any:
        """Register an image that is no copy of an instance (the distribution's); it is available at once."""
        image = self._new(name, description, mappings, root_device_name=root)
        for mapping in image.real_mappings:
            size = mapping.get("Ebs", {}).get("VolumeSize") or 8
            volume = self._moto.ec2.create_volume(size=size, zone_name=f"{self._moto.region}a")
            mapping["Ebs"] = {"VolumeType": "gp3", "DeleteOnTermination": True, **mapping.get("Ebs", {}), "VolumeSize": size}
            if mapping["Ebs"].get("SnapshotId") not in self._moto.ec2.snapshots:
                snapshot = self._moto.ec2.create_snapshot(volume.id, f"Registered for {image.id}", from_ami=image.id)
                mapping["Ebs"]["SnapshotId"] = snapshot.id
            self._moto.ec2.delete_volume(volume.id)
        self._moto.ec2.amis[image.id] = image
        self._consistency.added(self._moto.ec2.amis, image.id)
        return image

    def snapshots(self, image: Any) -> list[str]:
        """Return the ids of an image's snapshots."""
        return list(snapshots_of(image))

    def check_sizes(self, mappings: Sequence[Mapping[str, Any]]) -> None:
        """Raise ApiError for a volume that could not hold its snapshot."""
        for mapping in mappings:
            snapshot = self._moto.ec2.snapshots.get(mapping["Ebs"].get("SnapshotId"))
            wanted = mapping["Ebs"].get("VolumeSize")
            if snapshot is not None and wanted is not None and int(wanted) < int(snapshot.volume.size):
                raise ApiError(
                    "InvalidBlockDeviceMapping",
                    f"Volume of size {wanted}GB is smaller than snapshot '{snapshot.id}', expect size>= {snapshot.volume.size}GB",
                )

    def usable(self, image_id: str) -> Any:
        """Return an image that can be launched. Raises ApiError for an image that does not exist, or not yet."""
        image = self.find(image_id)
        if image.state != "available":
            raise ApiError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")
        return image

    def find(self, image_id: str) -> Any:
        """Return an image. Raises ApiError for an image that does not exist, or no longer."""
        for baking in self._baking:
            if baking.image.id == image_id:
                return baking.image
        if image_id not in self._moto.ec2.amis:
            code = "InvalidAMIID.Unavailable" if image_id in self._gone else "InvalidAMIID.NotFound"
            text = f"The image ID '{image_id}' is no longer available" if image_id in self._gone else not_found(image_id)
            raise ApiError(code, text)
        return self._moto.ec2.amis[image_id]

    def _copied(self, image_id: str) -> bool:
        return not isinstance(self._hosts, CopyingHosts) or self._hosts.copied(image_id)

    def deregister(self, image_id: str, *, with_snapshots: bool) -> dict[str, str]:
        """Drop an image; return each of its snapshots with what became of it (none, unless asked).

        A snapshot that another image has as well stays (DeregisterImage, DeleteAssociatedSnapshots).
        """
        image = self.find(image_id)
        for baking in [baking for baking in self._baking if baking.image is image]:
            self._moto.ec2.snapshots.update(baking.snapshots)
            self._baking.remove(baking)
        self._moto.ec2.amis.pop(image_id, None)
        self._gone.add(image_id)
        self._hosts.forget_image(image_id)
        if not with_snapshots:
            return {}
        shared = {id for other in self._moto.ec2.amis.values() for id in snapshots_of(other)}
        results = {id: "skipped" if id in shared else "success" for id in self.snapshots(image)}
        for snapshot_id in [id for id, result in results.items() if result == "success"]:
            self._moto.ec2.delete_snapshot(snapshot_id)
        return results

    def tick(self, now: float) -> None:
        """Show images that are old enough to be seen, finish those that are done."""
        for baking in [baking for baking in self._baking if self._copied(baking.image.id)]:
            self._moto.ec2.snapshots.update(baking.snapshots)
            if now >= min(baking.visible, baking.available) and baking.image.id not in self._moto.ec2.amis:
                self._moto.ec2.amis[baking.image.id] = baking.image
                self._consistency.added(self._moto.ec2.amis, baking.image.id)
            if now >= baking.available:
                baking.image.state = "available"
                self._consistency.changed(vars(baking.image), "state", "pending")
                self._baking.remove(baking)


def snapshots_of(image: Any) -> tuple[str, ...]:
    """Return the ids of an image's snapshots; none for an image that is not there."""
    mappings = image.real_mappings if image else []
    return tuple(mapping["Ebs"]["SnapshotId"] for mapping in mappings if "SnapshotId" in mapping.get("Ebs", {}))


def not_found(image_id: str) -> str:
    """Return AWS's sentence about an image that does not exist."""
    return f"The image id '[{image_id}]' does not exist"
