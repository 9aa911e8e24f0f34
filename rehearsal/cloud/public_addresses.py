"""Public addresses of instances: from a pool, changing with each stop and start, or an Elastic IP that stays."""

from collections.abc import Mapping
from typing import Any

from ..hosts.base import AddressedHosts, Hosts
from .doors import Doors
from .errors import ApiError
from .moto_state import MotoState

Params = Mapping[str, Any]


class PublicAddresses:
    """Give and take public addresses; associating Elastic IPs is moto's."""

    def __init__(self, moto: MotoState, hosts: Hosts, network: str) -> None:
        """Be ready; `network` are the first three parts of the addresses."""
        self._moto = moto
        self._hosts = hosts if isinstance(hosts, AddressedHosts) else None
        self._network = network
        self._given = 0
        self._doors = Doors()
        self.actions = {"AllocateAddress": self.allocate}

    def _next(self) -> str:
        taken = {instance.public_ip for instance in self._moto.instances.values()}
        taken |= {address.public_ip for address in self._moto.ec2.addresses}
        for _ in range(254):
            self._given = self._given % 254 + 1
            if (address := f"{self._network}.{self._given}") not in taken:
                return address
        raise ApiError("AddressLimitExceeded", "Too many addresses allocated")

    def allocate(self, params: Params) -> Any:
        """Allocate an Elastic IP."""
        address = self._moto.ec2.allocate_address("vpc", address=self._next())
        for specification in params.get("TagSpecifications") or ():
            self._moto.tag(address.allocation_id, {tag["Key"]: tag.get("Value", "") for tag in specification["Tags"]})
        return {"PublicIp": address.public_ip, "AllocationId": address.allocation_id, "Domain": "vpc"}

    def starts(self, instance: Any) -> None:
        """Assign an address of the pool to a starting instance, if it wants a public address and has no Elastic IP."""
        interface = instance.nics[0]
        if interface.public_ip_auto_assign and self._elastic(instance) is None:
            interface.public_ip = self._next()

    def stops(self, instance: Any) -> None:
        """Take the pool's address back."""
        if self._elastic(instance) is None:
            instance.nics[0].public_ip = None

    def ends(self, instance: Any) -> None:
        """Let go of every address: the instance is terminated."""
        if elastic := self._elastic(instance):
            self._moto.ec2.disassociate_address(association_id=elastic.association_id)
        self.stops(instance)

    def _elastic(self, instance: Any) -> Any | None:
        interface = instance.nics[0]
        return next((address for address in self._moto.ec2.addresses if address.eni is interface), None)

    def tick(self) -> None:
        """Let the addresses of running instances lead to them."""
        if self._hosts:
            running = [
                instance for instance in self._moto.instances.values() if instance.state == "running" and instance.public_ip
            ]
            self._doors.keep({instance.public_ip: self._hosts.doors(instance.private_ip) for instance in running})

    def close(self) -> None:
        """Close every door."""
        self._doors.close()
