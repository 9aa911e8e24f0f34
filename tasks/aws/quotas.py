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
    quota = limit(cloud, kind)
    used_by = {name: count for name, count in running(cloud).items() if _code(name) == code}
    sizes = sizes_beside(cloud, kind)
    used = sum(sizes.get(name, 0) * count for name, count in used_by.items())
    return VCpus(sizes[kind], used, quota) if kind in sizes else None


def limit(cloud: Cloud, kind: str) -> float:
    """Return the quota for a type whose quota is known here."""
    # A network without a way to this service must not hold a release up.
    client = cloud.client("service-quotas", quick=True)
    return float(client.get_service_quota(ServiceCode="ec2", QuotaCode=_code(kind))["Quota"]["Value"])


def sizes_beside(cloud: Cloud, kind: str) -> dict[str, int]:
    """Return the vCPUs of a type, and of those that run and share its quota."""
    return _sizes(cloud, sorted({kind, *(name for name in running(cloud) if _code(name) == _code(kind))}))


def _code(kind: str) -> str | None:
    family = kind.partition(".")[0]
    letters = family[: next((place for place, letter in enumerate(family) if letter.isdecimal()), len(family))]
    return _CODES.get(letters)


def running(cloud: Cloud) -> Counter[str]:
    """Return the number of On-Demand instances by type; Spot has its own quotas."""
    pages = (
        cloud.client("ec2")
        .get_paginator("describe_instances")
        .paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}], PaginationConfig={"PageSize": 1000}
        )
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
