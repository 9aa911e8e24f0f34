"""Auto Scaling groups: their description, their activities, and the writes that a rollout needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ..errors import Refused
from ..runtime.cloud import Cloud, error_code
from .launch_sources import LaunchSource, source_of


@dataclass(frozen=True)
class GroupMember:
    """An instance of a group."""

    id: str
    zone: str
    lifecycle: str
    health: str
    template: str
    version: str  # of its launch template, resolved; "" without one
    protected: bool
    kind: str = ""  # instance type
    weight: int = 1  # units of the desired capacity


@dataclass(frozen=True)
class Group:
    """A group as DescribeAutoScalingGroups shows it."""

    name: str
    minimum: int
    maximum: int
    desired: int
    source: LaunchSource
    members: tuple[GroupMember, ...]
    target_groups: tuple[str, ...]
    classic_balancers: tuple[str, ...]
    suspended: Mapping[str, str]  # process -> why, as AWS says it
    zones: tuple[str, ...]
    subnets: tuple[str, ...]
    tags: Mapping[str, str]
    passed_on: frozenset[tuple[str, str]]  # the tags that propagate to its instances
    protects_new: bool
    health_type: str  # EC2 alone, or ELB too
    grace: int  # seconds in service for which failed health checks are ignored
    at: float | None  # AWS's own time of the answer, seconds since the epoch
    warm: bool = False  # it has a warm pool
    reuses: bool = False  # what is scaled in returns to the pool
    unit: str = "units"  # what desired counts: units (instances or weights), vcpu or memory-mib

    @property
    def template(self) -> str:
        """Return the id of the launch template; "" for a launch configuration."""
        return self.source.template

    @property
    def version(self) -> str:
        """Return the reference to its version: a number, $Latest or $Default."""
        return self.source.version

    @property
    def weights(self) -> tuple[int, int]:
        """Return the smallest and the largest weight of an instance that there is or may come; 1 and 1 without weights."""
        known = [*self.source.weights, *(m.weight for m in self.members)] or [1]
        # Sizes in vCPUs or MiB give weights to types that are not known before.
        return (1, max(2, *known)) if self.unit != "units" else (min(known), max(known))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the instance types for an instance of ours, in order; empty: the template's own, or none is known."""
        if self.source.policy is None:
            return ()
        return self.source.types or tuple(dict.fromkeys(m.kind for m in self.members if m.kind))


@dataclass(frozen=True)
class Activity:
    """A scaling activity: a launch or a termination."""

    id: str
    started: float
    status: str
    description: str
    message: str
    ended: float | None = None  # seconds since the epoch; None: in progress
    cause: str = ""

    @property
    def over(self) -> bool:
        """Return whether it has ended, successfully or not."""
        return self.ended is not None or self.status in _ENDED

    @property
    def failed(self) -> bool:
        """Return whether it ended without success: a launch that dies is Cancelled as often as Failed."""
        return self.over and self.status != "Successful"


_LATEST = 20  # activities
_ENDED = ("Successful", "Failed", "Cancelled")


def group(cloud: Cloud, name: str) -> Group:
    """Describe a group.

    Raises Refused when it does not exist, with the groups that do.
    """
    client = cloud.client("autoscaling")
    answer = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    if not answer["AutoScalingGroups"]:
        pages = client.get_paginator("describe_auto_scaling_groups").paginate()
        there = sorted(g["AutoScalingGroupName"] for page in pages for g in page["AutoScalingGroups"])
        raise Refused(f"groups: no Auto Scaling group {name} in this account and region; there are: {', '.join(there) or 'none'}")
    return _group(answer["AutoScalingGroups"][0], _time(answer), cloud.spare)


def warm_pool(cloud: Cloud, group: Group) -> tuple[GroupMember, ...]:
    """Return the instances of a group's warm pool; none without a pool (DescribeWarmPool)."""
    if not group.warm:
        return ()
    pages = cloud.client("autoscaling").get_paginator("describe_warm_pool").paginate(AutoScalingGroupName=group.name)
    return tuple(_member(shown) for page in pages for shown in page["Instances"])


def templates(cloud: Cloud, names: Sequence[str]) -> set[str]:
    """Return the ids of the launch templates of those of the groups that exist."""
    shown = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=list(names))["AutoScalingGroups"]
    return {source_of(one).template for one in shown} - {""}


def _time(answer: Mapping[str, Any]) -> float | None:
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date).timestamp() if date else None


def _group(shown: Mapping[str, Any], at: float | None, spare: frozenset[str]) -> Group:
    return Group(
        name=shown["AutoScalingGroupName"],
        minimum=shown["MinSize"],
        maximum=shown["MaxSize"],
        desired=shown["DesiredCapacity"],
        source=source_of(shown),
        members=tuple(_member(i) for i in shown.get("Instances", [])),
        target_groups=tuple(arn for arn in shown.get("TargetGroupARNs", []) if arn.split("/")[1] not in spare),
        classic_balancers=tuple(shown.get("LoadBalancerNames", [])),
        suspended={p["ProcessName"]: p.get("SuspensionReason", "") for p in shown.get("SuspendedProcesses", [])},
        zones=tuple(shown.get("AvailabilityZones", [])),
        subnets=tuple(s.strip() for s in shown.get("VPCZoneIdentifier", "").split(",") if s.strip()),
        tags={t["Key"]: t.get("Value", "") for t in shown.get("Tags", [])},
        passed_on=frozenset((t["Key"], t.get("Value", "")) for t in shown.get("Tags", []) if t.get("PropagateAtLaunch")),
        protects_new=bool(shown.get("NewInstancesProtectedFromScaleIn")),
        health_type=shown.get("HealthCheckType", "EC2"),
        grace=shown.get("HealthCheckGracePeriod", 0),
        at=at,
        warm="WarmPoolConfiguration" in shown,
        reuses=shown.get("WarmPoolConfiguration", {}).get("InstanceReusePolicy", {}).get("ReuseOnScaleIn", False),
        unit=shown.get("DesiredCapacityType", "units"),
    )


def _member(shown: Mapping[str, Any]) -> GroupMember:
    template = shown.get("LaunchTemplate", {})
    return GroupMember(
        id=shown["InstanceId"],
        zone=shown.get("AvailabilityZone", ""),
        lifecycle=shown["LifecycleState"],
        health=shown.get("HealthStatus", ""),
        template=template.get("LaunchTemplateId", ""),
        version=str(template.get("Version", "")),
        protected=bool(shown.get("ProtectedFromScaleIn")),
        kind=shown.get("InstanceType", ""),
        weight=int(shown.get("WeightedCapacity") or 1),
    )


def activities(cloud: Cloud, name: str, since: float) -> list[Activity]:
    """Return the activities that a group began since a time in epoch seconds (DescribeScalingActivities).

    Activities in progress come first, however old, then those that have ended, newest first.
    """
    found: list[Activity] = []
    for shown in _activities(cloud, name):
        activity = _activity(shown, shown["StartTime"].timestamp())
        if activity.started >= since:
            found.append(activity)
        elif activity.over:
            break
    return found


def launch_seconds(cloud: Cloud, name: str) -> float:
    """Return how long the latest launches of a group took at least, until the instance was in service; 0 where none is known."""
    return min(took(cloud, name, _LATEST)[0], default=0.0)


def took(cloud: Cloud, name: str, latest: int = 100) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return how long the successful launches, and ends of instances, among the latest activities of a group took, in seconds."""
    client = cloud.client("autoscaling")
    found = client.describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=latest)["Activities"]
    successful = [shown for shown in found if shown["StatusCode"] == "Successful" and "EndTime" in shown]

    def of(beginning: str) -> tuple[float, ...]:
        return tuple(
            (shown["EndTime"] - shown["StartTime"]).total_seconds()
            for shown in successful
            if shown.get("Description", "").startswith(beginning)
        )

    return of("Launching a new EC2 instance: "), of("Terminating EC2 instance: ")


def _activity(shown: Mapping[str, Any], started: float) -> Activity:
    ended = shown["EndTime"].timestamp() if "EndTime" in shown else None
    about, cause = shown.get("Description", ""), shown.get("Cause", "")
    return Activity(shown["ActivityId"], started, shown["StatusCode"], about, shown.get("StatusMessage", ""), ended, cause)


def _activities(cloud: Cloud, name: str) -> Iterator[Mapping[str, Any]]:
    pages = cloud.client("autoscaling").get_paginator("describe_scaling_activities")
    for page in pages.paginate(AutoScalingGroupName=name, PaginationConfig={"PageSize": 100}):
        yield from page["Activities"]


def point(cloud: Cloud, group: Group, version: str, desired: int, maximum: int) -> None:
    """Set template version, desired and max in one call: all or nothing."""
    cloud.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=group.name,
        **group.source.pointed_at(version),
        DesiredCapacity=desired,
        MaxSize=maximum,
    )


def resize(cloud: Cloud, name: str, desired: int, maximum: int) -> None:
    """Set desired and max in one call: both or neither."""
    cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=name, DesiredCapacity=desired, MaxSize=maximum)


def set_sizes(cloud: Cloud, name: str, minimum: int, desired: int, maximum: int) -> None:
    """Set min, desired and max in one call: all or nothing."""
    sizes = {"MinSize": minimum, "DesiredCapacity": desired, "MaxSize": maximum}
    cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=name, **sizes)


def set_maximum(cloud: Cloud, name: str, maximum: int) -> None:
    """Set MaxSize."""
    cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=name, MaxSize=maximum)


def suspend(cloud: Cloud, name: str, processes: Sequence[str]) -> None:
    """Suspend scaling processes; an empty list would suspend all, so it is refused by an assertion."""
    assert processes, "SuspendProcesses without a list suspends everything"
    cloud.client("autoscaling").suspend_processes(AutoScalingGroupName=name, ScalingProcesses=list(processes))


def resume(cloud: Cloud, name: str, processes: Sequence[str]) -> None:
    """Resume scaling processes; an empty list would resume all, so it is refused by an assertion."""
    assert processes, "ResumeProcesses without a list resumes everything"
    cloud.client("autoscaling").resume_processes(AutoScalingGroupName=name, ScalingProcesses=list(processes))


def protect(cloud: Cloud, name: str, ids: Sequence[str], on: bool) -> None:
    """Set or remove scale-in protection; SetInstanceProtection takes 50 instances a call."""
    for start in range(0, len(ids), 50):
        cloud.client("autoscaling").set_instance_protection(
            AutoScalingGroupName=name, InstanceIds=list(ids[start : start + 50]), ProtectedFromScaleIn=on
        )


def terminate(cloud: Cloud, name: str, ids: Sequence[str], *, decrement: bool) -> Iterator[str]:
    """Terminate instances through their group, which deregisters and drains them first; yield each once AWS has accepted that.

    Up to 100 in a call; one by one where the region, or boto3, does not know that yet.
    """
    call, how = (
        cloud.client("autoscaling").terminate_instance_in_auto_scaling_group,
        {"ShouldDecrementDesiredCapacity": decrement},
    )
    for start in range(0, len(ids), 100):
        some = list(ids[start : start + 100])
        try:
            call(AutoScalingGroupName=name, InstanceIds=some, **how)
        except (ParamValidationError, ClientError) as error:
            if isinstance(error, ClientError) and error_code(error) != "ValidationError":
                raise
            # It names one that is wrong, too: each call then says what is so for one.
            for id in some:
                call(InstanceId=id, **how)
                yield id
        else:
            yield from some


def write_tags(cloud: Cloud, name: str, tags: Mapping[str, str]) -> None:
    """Set tags of the group, in one call; they do not propagate to its instances."""
    cloud.client("autoscaling").create_or_update_tags(Tags=[_tag(name, k) | {"Value": v} for k, v in tags.items()])


def drop_tags(cloud: Cloud, name: str, keys: Sequence[str]) -> None:
    """Delete tags of the group."""
    cloud.client("autoscaling").delete_tags(Tags=[_tag(name, key) for key in keys])


def _tag(name: str, key: str) -> dict[str, Any]:
    return {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "PropagateAtLaunch": False}
