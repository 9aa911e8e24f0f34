"""Instance refreshes of EC2 Auto Scaling: read them, and apply the steps of a rollout."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ..decisions.rollout.instance_refresh import Cancel, GoBack, Pin, Refresh, Start
from ..decisions.rollout.steps import Step
from ..runtime.cloud import Cloud, error_code, throttled
from .autoscaling import Group
from .launch_sources import source_of

# Errors that are safe to retry at the next poll: it has begun, has ended or is being rolled back.
_RETRYABLE = (
    "InstanceRefreshInProgress",
    "ActiveInstanceRefreshNotFound",
    "IrreversibleInstanceRefresh",
    "ScalingActivityInProgress",
    "ResourceContention",
)


def newest(cloud: Cloud, name: str) -> list[Refresh]:
    """Return the last refreshes of a group, newest first (DescribeInstanceRefreshes)."""
    shown = cloud.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=10)
    found = []
    for refresh in shown["InstanceRefreshes"]:
        asked = refresh.get("DesiredConfiguration", {})
        source = source_of(asked)
        reason = refresh.get("RollbackDetails", {}).get("RollbackReason") or refresh.get("StatusReason", "")
        found.append(
            Refresh(
                id=refresh["InstanceRefreshId"],
                status=refresh["Status"],
                template=source.template,
                version=source.version if asked else "",
                started=refresh["StartTime"].timestamp() if "StartTime" in refresh else 0.0,
                reason=reason,
                percentage=refresh.get("PercentageComplete", 0),
            )
        )
    return found


def under_way(cloud: Cloud, name: str) -> Refresh | None:
    """Return the refresh of a group that has not ended, or None."""
    return next((refresh for refresh in newest(cloud, name) if refresh.under_way), None)


def try_newest(cloud: Cloud, name: str) -> list[Refresh] | str:
    """Return the last refreshes, or why to retry: AWS throttles."""
    try:
        return newest(cloud, name)
    except ClientError as error:
        if not throttled(error):
            raise
        return f"AWS rejected the call, retrying: {error.response['Error'].get('Message', error)}"


def apply(cloud: Cloud, group: Group, step: Step) -> str | None:
    """Make the API call of a step; return None, or why AWS rejected it for now; the next poll decides again."""
    try:
        _apply(cloud, group, step)
    except ClientError as error:
        if error_code(error) in _RETRYABLE or throttled(error):
            return str(error.response["Error"].get("Message", error))
        raise
    return None


def _apply(cloud: Cloud, group: Group, step: Step) -> None:
    client, name = cloud.client("autoscaling"), group.name
    match step:
        case Pin(version):
            client.update_auto_scaling_group(AutoScalingGroupName=name, **group.source.pointed_at(version))
        case Start(version=version, preferences=preferences):
            wanted = group.source.pointed_at(version)
            client.start_instance_refresh(AutoScalingGroupName=name, Preferences=dict(preferences), DesiredConfiguration=wanted)
        case GoBack():
            client.rollback_instance_refresh(AutoScalingGroupName=name)
        case Cancel():
            client.cancel_instance_refresh(AutoScalingGroupName=name)
        case _:
            raise AssertionError(f"{step!r} is not for AWS")
