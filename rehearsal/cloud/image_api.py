"""EC2's calls about images."""

from collections.abc import Mapping
from typing import Any

from .errors import ApiError
from .filters import tags_of
from .images import Images
from .moto_state import MotoState

Params = Mapping[str, Any]


class ImageApi:
    """Create, register and deregister images; describing them is moto's."""

    def __init__(self, images: Images, moto: MotoState) -> None:
        self._images = images
        self._moto = moto
        self.actions = {
            "CreateImage": self.create,
            "RegisterImage": self.register,
            "DeregisterImage": self.deregister,
        }
        self.checks = {"CreateImage": self._source, "DeregisterImage": lambda params: images.find(params["ImageId"])}

    def _source(self, params: Params) -> Any:
        instance = self._moto.instance(params["InstanceId"])
        if instance is None or instance.state in ("terminated", "shutting-down"):
            raise ApiError("InvalidInstanceID.NotFound", f"The instance ID '{params['InstanceId']}' does not exist")
        if instance.state not in ("running", "stopped", "stopping"):
            raise ApiError("IncorrectState", f"Instance '{instance.id}' is not 'running' or 'stopped'")
        return instance

    def create(self, params: Params) -> Any:
        """Begin an image of an instance; tags go to the image and, where asked, to every snapshot of it."""
        instance = self._source(params)
        no_reboot = bool(params.get("NoReboot"))
        without = [mapping["DeviceName"] for mapping in params.get("BlockDeviceMappings", ()) if "NoDevice" in mapping]
        image = self._images.bake(instance, params["Name"], params.get("Description", ""), no_reboot=no_reboot, without=without)
        self._tag(image, params)
        return {"ImageId": image.id}

    def register(self, params: Params) -> Any:
        """Register an image that is no copy of an instance."""
        root = params.get("RootDeviceName", "/dev/sda1")
        mappings = params.get("BlockDeviceMappings") or [{"DeviceName": root, "Ebs": {"VolumeSize": 8}}]
        image = self._images.register(params["Name"], params.get("Description", ""), mappings, root)
        self._tag(image, params)
        return {"ImageId": image.id}

    def _tag(self, image: Any, params: Params) -> None:
        specifications = params.get("TagSpecifications", ())
        self._moto.tag(image.id, tags_of(specifications, "image"))
        for snapshot_id in self._images.snapshots(image):
            self._moto.tag(snapshot_id, tags_of(specifications, "snapshot"))

    def deregister(self, params: Params) -> Any:
        """Drop an image; its snapshots stay unless asked for."""
        dropped = self._images.deregister(params["ImageId"], with_snapshots=bool(params.get("DeleteAssociatedSnapshots")))
        results = [{"SnapshotId": snapshot_id, "ReturnCode": code} for snapshot_id, code in dropped.items()]
        return {"Return": True, "DeleteSnapshotResults": results}
