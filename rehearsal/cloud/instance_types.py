"""What EC2 knows of instance types: moto carries AWS's own table of them."""

from moto.ec2.models.instance_types import INSTANCE_TYPES


def is_nitro(name: str) -> bool:
    """Return whether a type is built on the Nitro system (bare metal is; it has no hypervisor)."""
    known = INSTANCE_TYPES.get(name, {})
    return known.get("Hypervisor") == "nitro" or bool(known.get("BareMetal"))


def vcpus(name: str) -> int:
    """Return how many vCPUs a type counts against the quota."""
    return int(INSTANCE_TYPES.get(name, {}).get("VCpuInfo", {}).get("DefaultVCpus", 1))
