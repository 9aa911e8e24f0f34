"""Target groups: health checks, targets and their health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..decisions.traffic.health_checks import Check
from ..runtime.cloud import Cloud

# From worst to best: an instance registered on several ports has the worst state of them.
_ORDER = ("unavailable", "unused", "draining", "unhealthy.draining", "unhealthy", "initial", "healthy")


@dataclass(frozen=True)
class TargetHealth:
    """The state of a target, and the load balancer's reason."""

    state: str
    reason: str


def details(cloud: Cloud, arn: str) -> dict[str, TargetHealth]:
    """Return the health of each target of a group by instance id (DescribeTargetHealth)."""
    found: dict[str, TargetHealth] = {}
    for target in cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]:
        id, health = target["Target"]["Id"], target["TargetHealth"]
        current = TargetHealth(health["State"], health.get("Description", health.get("Reason", "")))
        if id not in found or _ORDER.index(current.state) < _ORDER.index(found[id].state):
            found[id] = current
    return found


def health(cloud: Cloud, arn: str) -> dict[str, str]:
    """Return the state of each target by instance id."""
    return {id: target.state for id, target in details(cloud, arn).items()}


def idle(cloud: Cloud, arns: Sequence[str]) -> list[str]:
    """Return the names of the target groups that no listener or rule forwards to: their targets stay unused."""
    pages = cloud.client("elbv2").get_paginator("describe_target_groups").paginate(TargetGroupArns=list(arns)) if arns else []
    return [group["TargetGroupName"] for page in pages for group in page["TargetGroups"] if not group.get("LoadBalancerArns")]


def attributes(cloud: Cloud, arn: str) -> Mapping[str, str]:
    """Return the attributes of a target group, such as deregistration_delay.timeout_seconds."""
    shown = cloud.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
    return {attribute["Key"]: attribute["Value"] for attribute in shown["Attributes"]}


def deregistration_delays(cloud: Cloud, arns: Sequence[str]) -> dict[str, int]:
    """Return the deregistration delay of each target group in seconds, by its name."""
    return {arn.split("/")[1]: deregistration_delay(cloud, arn) for arn in arns}


def deregistration_delay(cloud: Cloud, arn: str) -> int:
    """Return the seconds that a target of this group drains at most."""
    return int(attributes(cloud, arn).get("deregistration_delay.timeout_seconds", 300))


def register(cloud: Cloud, arn: str, id: str) -> None:
    """Register an instance with a target group, on the group's port."""
    cloud.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": id}])


def deregister(cloud: Cloud, arn: str, id: str) -> None:
    """Deregister an instance from a target group; it drains for the deregistration delay."""
    cloud.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": id}])


def checks(cloud: Cloud, arns: Sequence[str]) -> dict[str, Check]:
    """Return the health check of each target group by ARN (DescribeTargetGroups)."""
    found: dict[str, Check] = {}
    pages = cloud.client("elbv2").get_paginator("describe_target_groups").paginate(TargetGroupArns=list(arns))
    for group in (group for page in pages for group in page["TargetGroups"]):
        port = group.get("HealthCheckPort", "")
        found[group["TargetGroupArn"]] = Check(
            protocol=group.get("HealthCheckProtocol", ""),
            # "traffic-port" is the port of the targets, which an Auto Scaling group registers on the target group's port.
            port=str(group.get("Port", "")) if port == "traffic-port" else port,
            path=group.get("HealthCheckPath", ""),
            codes=group.get("Matcher", {}).get("HttpCode", ""),
            interval=int(group.get("HealthCheckIntervalSeconds", 0)),
            timeout=int(group.get("HealthCheckTimeoutSeconds", 0)),
            failures=int(group.get("UnhealthyThresholdCount", 0)),
            successes=int(group.get("HealthyThresholdCount", 0)),
        )
    return found


def set_check(cloud: Cloud, arn: str, check: Check) -> None:
    """Set the health check of a target group; it applies from the next check on."""
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
