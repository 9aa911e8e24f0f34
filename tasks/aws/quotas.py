"""The account's vCPU quotas for running On-Demand instances, and their usage."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..runtime.cloud import Cloud

# By the letters before the generation of an instance type. Source: "Amazon EC2 On-Demand instance quotas" (EC2 user guide).
_STANDARD = "L-1216C47A"
_CODES = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), _STANDARD),
    **dict.fromkeys(("g", "gr", "vt"), "L-DB2E81BA"),
    "p": "L-417A185B",
    "x": "L-7295265B",
    "f": "L-74FC7D96",
    "inf": "L-1945791B",
}


@dataclass(frozen=True)
class VCpus:
    """The vCPU quota of an instance type."""

    each: int  # of an instance of the type
    used: int
    limit: float


def vcpus(cloud: Cloud, kind: str) -> VCpus | None:
    """Return the vCPUs of a type, the usage and the quota (DescribeInstanceTypes, DescribeInstances, GetServiceQuota).

    None for a type that EC2 does not know, or whose quota is unknown here.
    """
    code = _code(kind)
    if code is None:
        return None
    # A network without a way to this service must not hold a release up.
    quota = cloud.client("service-quotas", quick=True).get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]
    running = {name: count for name, count in _running(cloud).items() if _code(name) == code}
    sizes = _sizes(cloud, sorted({kind, *running}))
    used = sum(sizes.get(name, 0) * count for name, count in running.items())
    return VCpus(sizes[kind], used, quota) if kind in sizes else None


def _code(kind: str) -> str | None:
    family = kind.partition(".")[0]
    letters = family[: next((place for place, letter in enumerate(family) if letter.isdecimal()), len(family))]
    return _CODES.get(letters)


def _running(cloud: Cloud) -> Counter[str]:
    """Return the number of On-Demand instances by type; Spot has its own quotas."""
    pages = (
        cloud.client("ec2")
        .get_paginator("describe_instances")
        .paginate(Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}])
    )
    return Counter(
        instance["InstanceType"]
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
        if "InstanceLifecycle" not in instance
    )


def _sizes(cloud: Cloud, kinds: list[str]) -> dict[str, int]:
    pages = (
        cloud.client("ec2")
        .get_paginator("describe_instance_types")
        .paginate(Filters=[{"Name": "instance-type", "Values": kinds}])
    )
    return {shown["InstanceType"]: shown["VCpuInfo"]["DefaultVCpus"] for page in pages for shown in page["InstanceTypes"]}
