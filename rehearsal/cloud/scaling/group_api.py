"""Auto Scaling's calls about groups: create, update, delete, describe, sizes, processes, target groups."""

import uuid
from collections.abc import Mapping
from typing import Any

from ..errors import ApiError, invalid
from ..moto_state import MotoState
from ..paging import page
from ..targets import Targets
from ..timing import Timing
from .activities import ENDED
from .choices import POLICIES
from .describe import activity_details, group_details
from .group_config import GroupConfig, require_attachable
from .groups import Groups, busy
from .lifecycle import Lifecycle
from .state import PROCESSES, Group

Params = Mapping[str, Any]

# "Enable Auto Scaling group metrics": those of groups without weights and warm pools.
METRICS = (
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
)


class GroupApi:
    """Answer the calls about groups."""

    def __init__(
        self, groups: Groups, config: GroupConfig, lifecycle: Lifecycle, targets: Targets, moto: MotoState, timing: Timing
    ) -> None:
        self._groups = groups
        self._config = config
        self._lifecycle = lifecycle
        self._targets = targets
        self._moto = moto
        self._timing = timing
        self.actions = {
            "CreateAutoScalingGroup": self.create,
            "UpdateAutoScalingGroup": self.update,
            "DeleteAutoScalingGroup": self.delete,
            "DescribeAutoScalingGroups": self.describe,
            "DescribeScalingActivities": self.activities,
            "SetDesiredCapacity": self.set_desired,
            "EnableMetricsCollection": self.enable_metrics,
            "DisableMetricsCollection": self.disable_metrics,
            "SuspendProcesses": self.suspend,
            "ResumeProcesses": self.resume,
            "DescribeScalingProcessTypes": self.process_types,
            "DescribeTerminationPolicyTypes": lambda params: {"TerminationPolicyTypes": list(POLICIES)},
            "AttachLoadBalancerTargetGroups": self.attach,
            "DetachLoadBalancerTargetGroups": self.detach,
            "DescribeLoadBalancerTargetGroups": self.target_groups,
        }

    def _find(self, params: Params) -> Group:
        return self._groups.find(params["AutoScalingGroupName"])

    def enable_metrics(self, params: Params) -> Any:
        """Remember which of its metrics a group is to send; it sends none."""
        group = self._find(params)
        group.metrics = sorted({*group.metrics, *params.get("Metrics", METRICS)})
        return {}

    def disable_metrics(self, params: Params) -> Any:
        """Forget metrics, all of them where none is named."""
        group, named = self._find(params), params.get("Metrics") or METRICS
        group.metrics = [metric for metric in group.metrics if metric not in named]
        return {}

    def create(self, params: Params) -> Any:
        """Create a group; its first instances come with the next turn of the loop."""
        name = params["AutoScalingGroupName"]
        if name in self._groups.all:
            raise ApiError(
                "AlreadyExists", "AutoScalingGroup by this name already exists - A group with this name already exists"
            )
        if not (params.get("LaunchTemplate") or params.get("MixedInstancesPolicy")):
            raise invalid("At least one of the following parameters must be specified: LaunchTemplate, MixedInstancesPolicy.")
        if not params.get("VPCZoneIdentifier"):
            raise invalid("At least one Availability Zone or VPC Subnet is required.")
        owner = f"arn:aws:autoscaling:{self._moto.region}:{self._moto.account}"
        arn = f"{owner}:autoScalingGroup:{uuid.uuid4()}:autoScalingGroupName/{name}"
        group = Group(name, arn, self._timing.now(), 0, 0, 0, {})
        self._config.apply(group, {**params, "DesiredCapacity": params.get("DesiredCapacity", params["MinSize"])})
        group.scale_reason = group.scale_reason.replace("update of", "created an", 1)
        group.tags = {tag["Key"]: (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch"))) for tag in params.get("Tags", ())}
        self._groups.all[name] = group
        return {}

    def update(self, params: Params) -> Any:
        """Change a group; instances that run stay as they are."""
        group = self._find(params)
        self._config.apply(group, params)
        return {}

    def delete(self, params: Params) -> Any:
        """Delete a group; by force with its instances, else only an empty one."""
        group = self._find(params)
        if params.get("ForceDelete"):
            group.deleting = True
            group.min = group.desired = 0
            for member in group.members.values():
                if not member.lifecycle.startswith("Terminating"):
                    self._lifecycle.leave(group, member, "a user request deleted the group by force.")
                member.hooks_done = True
            return {}
        if group.members or group.warm:
            if group.desired == 0:
                busy(group)
            message = "You cannot delete an AutoScalingGroup while there are instances still in the group."
            raise ApiError("ResourceInUse", message)
        del self._groups.all[group.name]
        return {}

    def describe(self, params: Params) -> Any:
        """List groups by name and tag; names that do not exist are left out."""
        names = params.get("AutoScalingGroupNames")
        found = [group for group in self._groups.all.values() if not names or group.name in names]
        for wanted in params.get("Filters", ()):
            found = [group for group in found if _matches(group, wanted)]
        shown, token = page(found, params, 100)
        return {"AutoScalingGroups": [group_details(group, self._timing) for group in shown], "NextToken": token}

    def activities(self, params: Params) -> Any:
        """List activities: those in progress first, whenever they began, then those that ended; the newest first in both."""
        name = params.get("AutoScalingGroupName")
        groups = [self._groups.find(name)] if name else list(self._groups.all.values())
        found = [activity for group in groups for activity in group.activities]
        if ids := params.get("ActivityIds"):
            found = [activity for activity in found if activity.id in ids]
        found.sort(key=lambda activity: (activity.status not in ENDED, activity.started), reverse=True)
        shown, token = page(found, params, 100)
        return {"Activities": [activity_details(activity, self._timing) for activity in shown], "NextToken": token}

    def set_desired(self, params: Params) -> Any:
        """Change the desired capacity, within the bounds."""
        group = self._find(params)
        if params.get("HonorCooldown") and self._timing.now() < group.last_scaled + self._timing.real(group.cooldown):
            raise ApiError("ScalingActivityInProgress", f"Scaling activities of {group.name} are in their cooldown.")
        self._groups.set_desired(group, int(params["DesiredCapacity"]), "a user request explicitly set group desired capacity")
        return {}

    def _processes(self, params: Params) -> list[str]:
        wanted = list(params.get("ScalingProcesses") or PROCESSES)
        if unknown := [name for name in wanted if name not in PROCESSES]:
            raise invalid(f"Invalid process name: {unknown[0]}")
        return wanted

    def suspend(self, params: Params) -> Any:
        """Suspend processes (default: all)."""
        suspended = self._find(params).suspended
        for process in self._processes(params):
            suspended.setdefault(process, f"User suspended at {self._timing.text()}")
        return {}

    def resume(self, params: Params) -> Any:
        """Resume processes (default: all)."""
        suspended = self._find(params).suspended
        for process in self._processes(params):
            suspended.pop(process, None)
        return {}

    def process_types(self, params: Params) -> Any:
        """List the names of the processes."""
        return {"Processes": [{"ProcessName": process} for process in PROCESSES]}

    def attach(self, params: Params) -> Any:
        """Attach target groups: members in service are registered."""
        group = self._find(params)
        for arn in params["TargetGroupARNs"]:
            require_attachable(arn, self._targets.group(arn))
            if arn not in group.target_groups:
                group.target_groups.append(arn)
                for member in group.in_service():
                    self._lifecycle.register(member, arn)
        return {}

    def detach(self, params: Params) -> Any:
        """Detach target groups: members are deregistered and drain."""
        group = self._find(params)
        for arn in params["TargetGroupARNs"]:
            if arn in group.target_groups:
                group.target_groups.remove(arn)
                for member in group.members.values():
                    self._targets.deregister(arn, member.id)
                    member.registered.discard(arn)
        return {}

    def target_groups(self, params: Params) -> Any:
        """List a group's target groups."""
        group = self._find(params)
        shown = [{"LoadBalancerTargetGroupARN": arn, "State": "InService"} for arn in group.target_groups]
        return {"LoadBalancerTargetGroups": shown}


def _matches(group: Group, wanted: Params) -> bool:
    name, values = wanted["Name"], wanted.get("Values", ())
    if name == "tag-key":
        return any(value in group.tags for value in values)
    if name == "tag-value":
        return any(value == tag for tag, _ in group.tags.values() for value in values)
    if name.startswith("tag:"):
        return group.tags.get(name[4:], (None, False))[0] in values
    raise invalid(f"Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>")
