"""Whether EC2 has room for a launch: the type in the zone, the account's quota, addresses in the subnet, hardware."""

from collections.abc import Iterable
from typing import Any

from .errors import ApiError
from .faults import Faults
from .instance_types import vcpus
from .options import Options

COUNTED = ("pending", "running")


class Capacity:
    """Refuse what there is no room for, in EC2's own words."""

    def __init__(self, options: Options, faults: Faults) -> None:
        self._options = options
        self._faults = faults

    def check(self, subnet: Any, instance_type: str, instances: Iterable[Any]) -> None:
        """Raise ApiError where an instance of this type cannot be launched into this subnet, next to the instances there are."""
        zone = str(subnet.availability_zone)
        self._offered(zone, instance_type)
        self._quota(instance_type, instances)
        self._addresses(subnet)
        self._faults.check_capacity(zone, instance_type)

    def _offered(self, zone: str, instance_type: str) -> None:
        if zone in self._options.zones_without_type.get(instance_type, ()):
            raise ApiError(
                "Unsupported",
                f"Your requested instance type ({instance_type}) is not supported in your requested Availability Zone ({zone}). "
                "Please retry your request by not specifying an Availability Zone or choosing another one.",
            )

    def _quota(self, instance_type: str, instances: Iterable[Any]) -> None:
        limit = self._options.vcpu_limit
        used = sum(vcpus(instance.instance_type) for instance in instances if instance.state in COUNTED)
        if limit and used + vcpus(instance_type) > limit:
            raise ApiError(
                "VcpuLimitExceeded",
                f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket "
                "that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to "
                "request an adjustment to this limit.",
            )

    def _addresses(self, subnet: Any) -> None:
        if subnet.id in self._options.full_subnets or subnet.available_ip_address_count <= 0:
            raise ApiError(
                "InsufficientFreeAddressesInSubnet",
                f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of instances.",
            )
