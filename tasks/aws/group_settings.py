"""Settings of a group that affect a rollout: lifecycle hooks and scheduled actions."""

from __future__ import annotations

import math

from ..decisions.rollout.schedules import ScheduledAction
from ..runtime.cloud import Cloud

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"


def hooks(cloud: Cloud, name: str) -> dict[str, dict[str, int]]:
    """Return the seconds that each lifecycle hook may hold an instance, by transition and name (DescribeLifecycleHooks)."""
    found: dict[str, dict[str, int]] = {LAUNCHING: {}, TERMINATING: {}}
    for hook in cloud.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]:
        found[hook["LifecycleTransition"]][hook["LifecycleHookName"]] = hook["HeartbeatTimeout"]
    return found


def scheduled(cloud: Cloud, name: str) -> list[ScheduledAction]:
    """Return the scheduled actions of a group with their next time, and when they recur (DescribeScheduledActions)."""
    pages = cloud.client("autoscaling").get_paginator("describe_scheduled_actions").paginate(AutoScalingGroupName=name)
    return [
        ScheduledAction(
            action["ScheduledActionName"],
            action["StartTime"].timestamp(),
            action.get("MinSize"),
            action.get("MaxSize"),
            action.get("DesiredCapacity"),
            action.get("Recurrence", ""),
            action.get("TimeZone", "UTC"),
            action["EndTime"].timestamp() if "EndTime" in action else math.inf,
        )
        for page in pages
        for action in page["ScheduledUpdateGroupActions"]
        if "StartTime" in action
    ]
