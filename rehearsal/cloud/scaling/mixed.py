"""What a mixed-instances policy lets its group launch next: which types, On-Demand or Spot, in which order.

Sources: EC2 Auto Scaling user guide, "Allocation strategies for multiple instance types", "Configure an Auto Scaling group to use
instance weights"; LaunchTemplateOverrides and InstancesDistribution in the API reference.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import invalid
from ..instance_types import matching
from .state import Member

Policy = Mapping[str, Any]

DISTRIBUTION = {
    "OnDemandAllocationStrategy": "prioritized",
    "OnDemandBaseCapacity": 0,
    "OnDemandPercentageAboveBaseCapacity": 100,
    "SpotAllocationStrategy": "lowest-price",
}


@dataclass(frozen=True)
class Offer:
    """One way to launch: what the policy puts over its template; "" and None leave the template's own."""

    kind: str = ""  # instance type
    image: str = ""
    template: Mapping[str, Any] | None = None  # a LaunchTemplateSpecification of its own
    weight: int | None = None
    spot: bool = False


def check(policy: Policy) -> None:
    """Raise ApiError for overrides that contradict each other."""
    overrides = policy["LaunchTemplate"].get("Overrides", ())
    if any("InstanceType" in one and "InstanceRequirements" in one for one in overrides):
        raise invalid("Override must specify either InstanceType or InstanceRequirements, not both.")
    weights = [one.get("WeightedCapacity") for one in overrides]
    if any(weights) and not all(weights):
        raise invalid("WeightedCapacity must be specified for all instance types, or for none.")
    if any(weight and not 1 <= int(weight) <= 999 for weight in weights):
        raise invalid("WeightedCapacity must be in the range of 1 to 999.")


def weighted(policy: Policy | None) -> bool:
    """Return whether a policy gives weights."""
    return any("WeightedCapacity" in one for one in (policy or {}).get("LaunchTemplate", {}).get("Overrides", ()))


def uses_spot(policy: Policy | None) -> bool:
    """Return whether a policy may launch Spot instances."""
    return int((policy or {}).get("InstancesDistribution", {}).get("OnDemandPercentageAboveBaseCapacity", 100)) < 100


def offers(policy: Policy | None, desired: int, counted: Sequence[Member]) -> list[Offer]:
    """Return the ways to launch the next instance, the best first; one way only for a group without a policy."""
    if policy is None:
        return [Offer()]
    spot = _spot_next(policy, desired, counted)
    found = [one for override in policy["LaunchTemplate"].get("Overrides") or [{}] for one in _of(override, spot)]
    if not spot:
        return found  # prioritized
    running = Counter(member.instance_type for member in counted)
    # Pools that are used least come first, as far as any strategy spreads; equals keep their order.
    return sorted(found, key=lambda offer: running[offer.kind])


def _spot_next(policy: Policy, desired: int, counted: Sequence[Member]) -> bool:
    wanted = {**DISTRIBUTION, **policy.get("InstancesDistribution", {})}
    base, share = int(wanted["OnDemandBaseCapacity"]), int(wanted["OnDemandPercentageAboveBaseCapacity"])
    # What is no whole number is rounded in favour of On-Demand.
    on_demand = min(desired, base) + math.ceil(max(0, desired - base) * share / 100)
    return sum(member.units for member in counted if not member.spot) >= on_demand


def _of(override: Mapping[str, Any], spot: bool) -> list[Offer]:
    requirements = override.get("InstanceRequirements")
    kinds = matching(requirements) if requirements else [str(override.get("InstanceType", ""))]
    weight = int(override["WeightedCapacity"]) if override.get("WeightedCapacity") else None
    image, own = str(override.get("ImageId") or ""), override.get("LaunchTemplateSpecification")
    return [Offer(kind, image, own, weight, spot) for kind in kinds]
