"""Target groups: how their targets are, and who is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Cloud

# From worst to best: an instance registered on several ports is as well as its worst one.
_ORDER = ("unavailable", "unused", "draining", "unhealthy.draining", "unhealthy", "initial", "healthy")


@dataclass(frozen=True)
class TargetHealth:
    """The state of one target, and what the load balancer says of it."""

    state: str
    reason: str


def details(cloud: Cloud, arn: str) -> dict[str, TargetHealth]:
    """Return the health of each target of a group by instance id (DescribeTargetHealth)."""
    found: dict[str, TargetHealth] = {}
    for told in cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]:
        id, health = told["Target"]["Id"], told["TargetHealth"]
        one = TargetHealth(health["State"], health.get("Description", health.get("Reason", "")))
        if id not in found or _ORDER.index(one.state) < _ORDER.index(found[id].state):
            found[id] = one
    return found


def health(cloud: Cloud, arn: str) -> dict[str, str]:
    """Return the state of each target by instance id."""
    return {id: one.state for id, one in details(cloud, arn).items()}


def attributes(cloud: Cloud, arn: str) -> Mapping[str, str]:
    """Return the attributes of a target group, such as deregistration_delay.timeout_seconds."""
    told = cloud.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    return {one["Key"]: one["Value"] for one in told["Attributes"]}


def deregistration_delay(cloud: Cloud, arn: str) -> int:
    """Return for how many seconds a target of this group drains at most."""
    return int(attributes(cloud, arn).get("deregistration_delay.timeout_seconds", 300))


def register(cloud: Cloud, arn: str, id: str) -> None:
    """Register an instance with a target group, on the group's port."""
    cloud.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": id}])


def deregister(cloud: Cloud, arn: str, id: str) -> None:
    """Take an instance out of a target group; it drains for the deregistration delay."""
    cloud.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": id}])
