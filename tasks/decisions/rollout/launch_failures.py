"""Why a launch failed, from EC2 Auto Scaling's StatusMessage: whether it passes by itself, and what to do.

Sources: "Troubleshoot Amazon EC2 Auto Scaling" (user guide: instance launch failures, EC2 instance quotas, lifecycle hooks) and
"Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a failed launch says about its version."""

    CAPACITY = "EC2 lacks capacity: it passes, and the group tries again"
    PLACE = "one zone or subnet rejects it: the group tries the others"
    OTHER = "no launch of this version may ever succeed"


@dataclass(frozen=True)
class Reason:
    """A known reason: AWS's wording, its meaning, and what an operator can do."""

    kind: Kind
    words: str  # a pattern, in any case
    hint: str


# The first match counts: quotas say "capacity" too, and a zone that lacks the type is worded much like a full zone.
KNOWN = (
    Reason(
        Kind.OTHER,
        r"VcpuLimitExceeded|current vCPU limit",
        "the account's vCPU quota is used up: raise it in Service Quotas, or end other instances",
    ),
    Reason(
        Kind.OTHER,
        r"MaxSpotInstanceCountExceeded|Max spot instance count exceeded",
        "the account's Spot quota is used up: raise it in Service Quotas",
    ),
    Reason(
        Kind.PLACE,
        r"InsufficientFreeAddressesInSubnet|not enough free addresses in subnet",
        "the subnet is full: give the group another one",
    ),
    Reason(
        Kind.PLACE,
        r"instance type \([^)]*\) is not supported in your requested Availability Zone|not supported in this Availability Zone",
        "this zone does not offer the instance type: take its subnet out of the group",
    ),
    Reason(
        Kind.CAPACITY,
        r"Insufficient(Instance|Host|ReservedInstance)Capacity|UnfulfillableCapacity|do not have sufficient \S+ capacity"
        r"|There is no Spot capacity available",
        "EC2 has none of this type there now; the group tries again",
    ),
    Reason(
        Kind.CAPACITY,
        r"Server\.SpotInstance(Termination|Shutdown)",
        "EC2 took a Spot instance back before it served; the group launches another",
    ),
    Reason(
        Kind.OTHER,
        r"Client\.InternalError|InvalidKMSKey|KMS key",
        "often a volume's KMS key: give the service-linked role AWSServiceRoleForAutoScaling a grant for it",
    ),
    Reason(
        Kind.OTHER,
        r"Lifecycle Action .*abandoned|ABANDON Result",
        "a launch hook was abandoned: whatever completes it found the instance bad, or did not answer in time",
    ),
    Reason(
        Kind.OTHER,
        r"image id '?\[?ami-[0-9a-f]+\]?'? (does not exist|is no longer available)|InvalidAMIID|AMI cannot be described",
        "the image was deregistered, or is not shared with this account any more: bake another",
    ),
    Reason(
        Kind.OTHER,
        r"is smaller than snapshot|InvalidBlockDeviceMapping",
        "the template's volume is smaller than the image: raise its VolumeSize",
    ),
    Reason(
        Kind.OTHER,
        r"not authorized|UnauthorizedOperation|service control policy",
        "a policy of the account or the organization forbids it: ask for it where service control policies are managed",
    ),
    Reason(
        Kind.OTHER,
        r"not a valid tag key|Tag keys? (?:cannot|must|starting)",
        "a tag that the group or the template passes on has a key that instance metadata cannot show: rename it",
    ),
    Reason(
        Kind.OTHER,
        r"(key pair|security group|IamInstanceProfile|instance profile|subnet ID) .*(does not exist|Invalid)",
        "something that the template names was deleted",
    ),
)


def reason_of(message: str) -> Reason | None:
    """Return the known reason of a failed launch, or None."""
    return next((reason for reason in KNOWN if re.search(reason.words, message, re.IGNORECASE)), None)


def passes(message: str) -> bool:
    """Return whether a failure says nothing about the version: it counts only where the group stays short of instances."""
    reason = reason_of(message)
    return reason is not None and reason.kind is not Kind.OTHER


def explained(message: str) -> str:
    """Return AWS's message about a failed launch, with a hint where the reason is known."""
    reason = reason_of(message)
    return f"{message.removesuffix('.')} ({reason.hint})" if reason else message
