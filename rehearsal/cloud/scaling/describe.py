"""Groups, members and activities as the API shows them."""

from typing import Any

from ..timing import Timing
from .state import Activity, Group, Member, WarmPool


def tag_descriptions(group: Group) -> list[dict[str, Any]]:
    """Return the tags of a group."""
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": at_launch,
        }
        for key, (value, at_launch) in sorted(group.tags.items())
    ]


def member_details(member: Member) -> dict[str, Any]:
    """Return a member as it stands in its group."""
    shown = {
        "InstanceId": member.id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.lifecycle,
        "HealthStatus": member.health,
        "LaunchTemplate": member.template.shown(),
        "ProtectedFromScaleIn": member.protected,
    }
    return {**shown, "WeightedCapacity": str(member.weight)} if member.weight else shown


def warm_pool_details(pool: WarmPool) -> dict[str, Any]:
    """Return the configuration of a warm pool."""
    shown: dict[str, Any] = {"MinSize": pool.least, "PoolState": pool.state}
    if pool.reuse:
        shown["InstanceReusePolicy"] = {"ReuseOnScaleIn": True}
    if pool.prepared >= 0:
        shown["MaxGroupPreparedCapacity"] = pool.prepared
    return {**shown, "Status": "PendingDelete"} if pool.deleting else shown


def group_details(group: Group, timing: Timing) -> dict[str, Any]:
    """Return a group with everything of it."""
    return {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min,
        "MaxSize": group.max,
        "DesiredCapacity": group.desired,
        "DefaultCooldown": group.cooldown,
        "AvailabilityZones": group.zones,
        "LoadBalancerNames": [],
        "TargetGroupARNs": list(group.target_groups),
        "HealthCheckType": group.health_type,
        "HealthCheckGracePeriod": group.grace,
        "Instances": [member_details(member) for member in group.members.values()],
        "CreatedTime": timing.date(group.created),
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": reason} for name, reason in sorted(group.suspended.items())
        ],
        "VPCZoneIdentifier": ",".join(group.subnets),
        "EnabledMetrics": [{"Metric": metric, "Granularity": "1Minute"} for metric in group.metrics],
        "Tags": tag_descriptions(group),
        "TerminationPolicies": list(group.policies),
        "NewInstancesProtectedFromScaleIn": group.protect_new,
        "ServiceLinkedRoleARN": f"{group.arn.rsplit(':', 2)[0]}:role/AWSServiceRoleForAutoScaling",
        "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in group.target_groups],
        **_chosen(group),
    }


def _chosen(group: Group) -> dict[str, Any]:
    """Return what a group has only where somebody chose it."""
    shown: dict[str, Any] = {}
    if group.template:
        shown["LaunchTemplate"] = group.template.shown()
    if group.mixed:
        shown["MixedInstancesPolicy"] = group.mixed
    if group.capacity_rebalance:
        shown["CapacityRebalance"] = True
    if group.maintenance:
        least, most = group.maintenance
        shown["InstanceMaintenancePolicy"] = {"MinHealthyPercentage": least, "MaxHealthyPercentage": most}
    if group.warm_pool:
        shown.update(WarmPoolConfiguration=warm_pool_details(group.warm_pool), WarmPoolSize=len(group.warm))
    if group.lifecycle_policy:
        shown["InstanceLifecyclePolicy"] = group.lifecycle_policy
    if group.warmup >= 0:
        shown["DefaultInstanceWarmup"] = group.warmup
    if group.deleting:
        shown["Status"] = "Delete in progress"
    return shown


def activity_details(activity: Activity, timing: Timing) -> dict[str, Any]:
    """Return an activity."""
    shown: dict[str, Any] = {
        "ActivityId": activity.id,
        "AutoScalingGroupName": activity.group,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": timing.date(activity.started),
        "StatusCode": activity.status,
        "Progress": activity.progress,
        "Details": activity.details,
    }
    if activity.message:
        shown["StatusMessage"] = activity.message
    if activity.ended is not None:
        shown["EndTime"] = timing.date(activity.ended)
    return shown
