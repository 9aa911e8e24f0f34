"""What EC2 knows of instance types: moto carries AWS's own table of them."""

from collections.abc import Mapping
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES


def is_nitro(name: str) -> bool:
    """Return whether a type is built on the Nitro system (bare metal is; it has no hypervisor)."""
    known = INSTANCE_TYPES.get(name, {})
    return known.get("Hypervisor") == "nitro" or bool(known.get("BareMetal"))


def vcpus(name: str) -> int:
    """Return how many vCPUs a type counts against the quota."""
    return int(INSTANCE_TYPES.get(name, {}).get("VCpuInfo", {}).get("DefaultVCpus", 1))


def matching(requirements: Mapping[str, Any]) -> list[str]:
    """Return the types that have the vCPUs and the memory of instance requirements, the smallest first."""
    cpus, memory = requirements.get("VCpuCount", {}), requirements.get("MemoryMiB", {})
    found = []
    for name, known in INSTANCE_TYPES.items():
        size = int(known.get("MemoryInfo", {}).get("SizeInMiB", 0))
        if known.get("CurrentGeneration") and _within(vcpus(name), cpus) and _within(size, memory):
            found.append((vcpus(name), size, name))
    return [name for _, _, name in sorted(found)]


def _within(value: int, bounds: Mapping[str, Any]) -> bool:
    return int(bounds.get("Min", 0)) <= value <= int(bounds.get("Max", value))
