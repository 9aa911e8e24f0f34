"""EC2 instances: moto's records, the hosts behind them, and states that take their time."""

import base64
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import StateReason

from ..hosts.base import FaultyHosts, Hosts
from .capacity import Capacity
from .consistency import Consistency
from .consoles import Consoles
from .errors import ApiError
from .faults import Faults
from .images import Images
from .moto_state import MotoState
from .options import Options
from .orders import Order, check_keys, devices
from .public_addresses import PublicAddresses
from .timing import Timing

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
BY_USER = "Client.UserInitiatedShutdown"
# "Troubleshoot Amazon EC2 instance launch issues" and StateReason in the API reference
REASONS = {
    BY_USER: "User initiated shutdown",
    "Client.InternalError": "Client error on launch",
    "Client.InvalidSnapshot.NotFound": "The specified snapshot was not found",
    "Client.VolumeLimitExceeded": "Volume limit exceeded",
    "Server.InternalError": "Internal error on launch",
    "Server.InsufficientInstanceCapacity": "There was insufficient capacity available to satisfy the launch request",
    "Server.SpotInstanceTermination": "Spot instance termination",
}


@dataclass
class Transition:
    """A state that an instance reaches later."""

    state: str
    due: float
    reason: str = ""


class Machines:
    """Launch, stop, start, reboot, terminate; `tick` applies what is due."""

    def __init__(
        self,
        moto: MotoState,
        hosts: Hosts,
        options: Options,
        timing: Timing,
        images: Images,
        faults: Faults,
        consistency: Consistency,
        addresses: PublicAddresses,
    ) -> None:
        self.consoles = Consoles(hosts, options, timing)
        self._moto = moto
        self._hosts = hosts
        self._options = options
        self._timing = timing
        self._images = images
        self._faults = faults
        self._consistency = consistency
        self._addresses = addresses
        self._capacity = Capacity(options, faults)
        self._never_booted: set[str] = set()
        self._coming: dict[str, Transition] = {}
        self._asleep: dict[str, float] = {}  # instance -> when its machine begins to boot

    def exist(self, order: Order) -> tuple[Any, Any]:
        """Return the image and the subnet that an order names. Raises ApiError where one, or a security group, does not exist."""
        image = self._images.usable(order.image_id)
        subnet = self._moto.ec2.get_subnet(order.subnet_id)
        for group in order.groups:
            if self._moto.ec2.get_security_group_from_id(group) is None:
                raise ApiError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        return image, subnet

    def check(self, order: Order) -> Any:
        """Return the image that an order names. Raises ApiError where it could not be launched."""
        image, subnet = self.exist(order)
        if not IPv4Network(subnet.cidr_block).subnet_of(IPv4Network(self._hosts.network)):
            text = f"Subnet {subnet.id} is {subnet.cidr_block}; the stand-in launches in {self._hosts.network} alone."
            raise ApiError("InvalidParameterValue", text)
        for mapping in order.mappings:
            pinned = mapping.get("Ebs", {}).get("SnapshotId")
            if pinned and mapping["DeviceName"] == image.root_device_name and pinned not in self._images.snapshots(image):
                raise ApiError("InvalidBlockDeviceMapping", "snapshotId cannot be modified on root device")
        if order.metadata.get("InstanceMetadataTags") == "enabled":
            check_keys(order.tags)
        self._images.check_sizes(devices(image.block_device_mappings, order.mappings))
        self._capacity.check(subnet, order.instance_type, self._moto.instances.values())
        return image

    def launch(self, order: Order) -> Any:
        """Launch one instance and return moto's record of it, pending. Raises ApiError."""
        instance = self._recorded(order, self.check(order))
        instance.spot_type = order.spot
        instance.launch_time = self._timing.date().replace(tzinfo=None)
        if order.profile:
            instance.iam_instance_profile = {"Arn": order.profile.get("Arn", ""), "Id": "AIPAREHEARSAL"}
        self._addresses.starts(instance)
        self._set(instance, "pending")
        if reason := self._options.dies_at_launch.get(order.image_id):
            self._never_booted.add(instance.id)
            self._later(instance.id, "terminated", self._options.boot, reason)
        else:
            self._later(instance.id, "running", self._options.boot)
            self._boot_first(instance, order)
        return instance

    def _recorded(self, order: Order, image: Any) -> Any:
        reservation = self._moto.ec2.run_instances(
            order.image_id,
            1,
            Base64EncodedString(order.user_data) if order.user_data else None,
            [],
            instance_type=order.instance_type,
            is_instance_type_default=False,
            region_name=self._moto.region,
            subnet_id=order.subnet_id,
            security_group_ids=list(order.groups),
            key_name=order.key_name,
            private_ip=order.private_ip,
            client_token=order.client_token,
            tags={"instance": dict(order.tags), "volume": dict(order.volume_tags)},
            metadata_options=dict(order.metadata),
            disable_api_termination=order.keep,
            disable_api_stop=order.keep_running,
            lifecycle="spot" if order.spot else None,
            associate_public_ip=order.public,
            block_device_mappings=devices(image.block_device_mappings, order.mappings),
        )
        instance = reservation.instances[0]
        self._moto.instances[instance.id] = instance
        self._consistency.changed(self._moto.ec2.tags, instance.id, None)
        self._consistency.added(self._moto.ec2.reservations, reservation.id)
        self._consistency.added(self._moto.instances, instance.id)
        return instance

    def _boot_first(self, instance: Any, order: Order) -> None:
        user_data = base64.b64decode(order.user_data).decode(errors="replace") if order.user_data else ""
        self._hosts.launch(instance.id, instance.private_ip, order.image_id, user_data, dict(order.tags))
        self.consoles.changed(instance.id)
        self._pass_fault_on(order.image_id)

    def _pass_fault_on(self, image_id: str) -> None:
        if image_id in self._faults.images and isinstance(self._hosts, FaultyHosts):
            self._hosts.set_image_fault(image_id, self._faults.images[image_id])

    def _set(self, instance: Any, state: str) -> None:
        shown = vars(instance._state)
        before = dict(shown)
        shown.update(name=state, code=CODES[state])
        for name in shown:
            self._consistency.changed(shown, name, before[name])

    def _later(self, instance_id: str, state: str, seconds: float, reason: str = "") -> None:
        self._coming[instance_id] = Transition(state, self._timing.now() + seconds, reason)

    def _explain(self, instance: Any, reason: str) -> None:
        at = self._timing.date().strftime("%Y-%m-%d %H:%M:%S GMT")
        instance._reason = (
            f"User initiated ({at})" if reason == BY_USER else reason and reason.partition(".")[0] + ".InternalError"
        )
        instance.state_reason = StateReason(f"{reason}: {REASONS.get(reason, 'Error on launch')}" if reason else "", reason)

    def find(self, instance_id: str) -> Any:
        """Return moto's record. Raises ApiError."""
        instance = self._moto.instance(instance_id)
        if instance is None:
            raise ApiError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        return instance

    def start(self, instance: Any) -> None:
        """Power on a stopped instance."""
        if instance.state in ("pending", "running"):
            return
        self._require(instance, "stopped")
        self._set(instance, "pending")
        self._addresses.starts(instance)
        self._explain(instance, "")
        instance.launch_time = self._timing.date().replace(tzinfo=None)
        self._later(instance.id, "running", self._options.boot)
        if self._options.power_on:
            self._asleep[instance.id] = self._coming[instance.id].due + self._options.power_on
        else:
            self._hosts.start(instance.id)
        self.consoles.changed(instance.id)

    def stop(self, instance: Any) -> None:
        """Power off a running instance."""
        if instance.state in ("stopping", "stopped"):
            return
        self._require(instance, "running")
        self._set(instance, "stopping")
        self._addresses.stops(instance)
        self._explain(instance, BY_USER)
        self._later(instance.id, "stopped", self._options.stop)
        self._asleep.pop(instance.id, None)
        self._hosts.stop(instance.id)
        self.consoles.changed(instance.id)

    def reboot(self, instance: Any) -> None:
        """Power off and on; the API goes on saying `running`."""
        self._require(instance, "running")
        self._hosts.reboot(instance.id)
        self.consoles.changed(instance.id)

    def terminate(self, instance: Any, reason: str = BY_USER) -> None:
        """Terminate, for one of the known reasons. May be repeated."""
        if instance.state in ("shutting-down", "terminated"):
            return
        self._set(instance, "shutting-down")
        self._addresses.ends(instance)
        self._explain(instance, reason)
        self._later(instance.id, "terminated", self._options.terminate, reason)
        self._asleep.pop(instance.id, None)
        if instance.id not in self._never_booted:
            self.consoles.ends(instance.id)
            self._hosts.terminate(instance.id)

    def _require(self, instance: Any, state: str) -> None:
        if instance.state != state:
            message = f"The instance '{instance.id}' is not in a state from which it can be {state}."
            raise ApiError("IncorrectInstanceState", message.replace(f"can be {state}", f"can go on: it is {instance.state}"))

    def tick(self, now: float) -> None:
        """Reach the states that are due, post the consoles that are."""
        self.consoles.tick(now)
        for instance_id in [id for id, due in self._asleep.items() if now >= due]:
            del self._asleep[instance_id]
            self._hosts.start(instance_id)
        for instance_id, transition in list(self._coming.items()):
            if now < transition.due:
                continue
            del self._coming[instance_id]
            instance = self.find(instance_id)
            if transition.state == "terminated":
                instance.terminate()
                self._explain(instance, transition.reason)
            self._set(instance, transition.state)
