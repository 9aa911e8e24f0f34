"""Target groups: how their targets are, and who is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..decisions.traffic.health_checks import Check
from ..runtime.cloud import Cloud

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


def checks(cloud: Cloud, arns: Sequence[str]) -> dict[str, Check]:
    """Return the health check of each target group by ARN (DescribeTargetGroups)."""
    found: dict[str, Check] = {}
    pages = cloud.client("elbv2").get_paginator("describe_target_groups").paginate(TargetGroupArns=list(arns))
    for told in (one for page in pages for one in page["TargetGroups"]):
        port = told.get("HealthCheckPort", "")
        found[told["TargetGroupArn"]] = Check(
            protocol=told.get("HealthCheckProtocol", ""),
            # "traffic-port" is that of the targets, which an Auto Scaling group registers on the target group's own.
            port=str(told.get("Port", "")) if port == "traffic-port" else port,
            path=told.get("HealthCheckPath", ""),
            codes=told.get("Matcher", {}).get("HttpCode", ""),
            interval=int(told.get("HealthCheckIntervalSeconds", 0)),
            timeout=int(told.get("HealthCheckTimeoutSeconds", 0)),
            failures=int(told.get("UnhealthyThresholdCount", 0)),
            successes=int(told.get("HealthyThresholdCount", 0)),
        )
    return found


def set_check(cloud: Cloud, arn: str, check: Check) -> None:
    """Set the health check of a target group; it holds from the next check on."""
    cloud.client("elbv2").modify_target_group(
        TargetGroupArn=arn,
        HealthCheckProtocol=check.protocol,
        HealthCheckPort=check.port,
        HealthCheckPath=check.path,
        HealthCheckEnabled=True,
        HealthCheckIntervalSeconds=check.interval,
        HealthCheckTimeoutSeconds=check.timeout,
        HealthyThresholdCount=check.successes,
        UnhealthyThresholdCount=check.failures,
        Matcher={"HttpCode": check.codes},
    )
