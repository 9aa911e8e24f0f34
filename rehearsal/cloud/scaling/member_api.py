"""Auto Scaling's calls about single instances: terminate, standby, attach, detach, protection, health, hooks' answers."""

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError, invalid
from ..moto_state import MotoState
from ..options import Options
from ..paging import page
from ..timing import Timing
from .activities import Activities
from .describe import activity_details, member_details
from .groups import Groups
from .lifecycle import Lifecycle
from .state import LEAVING, Group, Member, TemplateRef

Params = Mapping[str, Any]


class MemberApi:
    """Answer the calls about members."""

    def __init__(
        self, groups: Groups, lifecycle: Lifecycle, activities: Activities, moto: MotoState, options: Options, timing: Timing
    ) -> None:
        self._options = options
        self._groups = groups
        self._lifecycle = lifecycle
        self._activities = activities
        self._moto = moto
        self._timing = timing
        self.actions = {
            "DescribeAutoScalingInstances": self.describe,
            "TerminateInstanceInAutoScalingGroup": self.terminate,
            "EnterStandby": self.enter_standby,
            "ExitStandby": self.exit_standby,
            "AttachInstances": self.attach,
            "DetachInstances": self.detach,
            "SetInstanceProtection": self.protect,
            "SetInstanceHealth": self.set_health,
        }

    def describe(self, params: Params) -> Any:
        """List members of all groups, or those named; others are left out."""
        wanted = params.get("InstanceIds")
        found = [
            {**member_details(member), "AutoScalingGroupName": group.name}
            for group in self._groups.all.values()
            for member in (*group.members.values(), *group.warm.values())
            if not wanted or member.id in wanted
        ]
        shown, token = page(found, params, 50)
        # this call alone spells the health in capitals
        shown = [{**member, "HealthStatus": member["HealthStatus"].upper()} for member in shown]
        return {"AutoScalingInstances": shown, "NextToken": token}

    def terminate(self, params: Params) -> Any:
        """Terminate members, protected or not: replaced at once, or with the desired capacity lowered."""
        if "InstanceIds" not in params:
            if "InstanceId" not in params:
                raise invalid("InstanceId or InstanceIds must be specified.")
            group, member = self._groups.of_instance(params["InstanceId"])
            return {"Activity": self._end(group, [member], lower=params["ShouldDecrementDesiredCapacity"])[0]}
        if not self._options.terminate_many or "InstanceId" in params or len(params["InstanceIds"]) > 100:
            raise invalid("InstanceIds takes 100 instances, and AutoScalingGroupName instead of InstanceId.")
        group = self._groups.find(params["AutoScalingGroupName"])
        members = self._groups.members(group, list(params["InstanceIds"]))
        return {"Activities": self._end(group, members, lower=params["ShouldDecrementDesiredCapacity"])}

    def _end(self, group: Group, members: list[Member], *, lower: bool) -> list[dict[str, Any]]:
        """Terminate all or none: which of them AWS ends where one cannot be is not documented."""
        if leaving := [member.id for member in members if member.lifecycle in LEAVING]:
            raise ApiError("ScalingActivityInProgress", f"Instance {leaving[0]} is already leaving group {group.name}.")
        if lower and group.desired - sum(member.units for member in members) < group.min:
            self._groups.decrement(group, sum(member.units for member in members), "Terminating instance")
        return [self._end_one(group, member, lower=lower) for member in members]

    def _end_one(self, group: Group, member: Member, *, lower: bool) -> dict[str, Any]:
        have = group.units()
        cause = f"instance {member.id} was taken out of service in response to a user request"
        if lower:
            self._groups.decrement(group, member.units, "Terminating instance")
            cause = f"{cause}, shrinking the capacity from {have} to {have - member.units}"
        self._lifecycle.leave(group, member, f"{cause}.")
        assert member.activity is not None
        return activity_details(member.activity, self._timing)

    def _checked(self, params: Params, *allowed: str) -> tuple[Group, list[Member]]:
        group = self._groups.find(params["AutoScalingGroupName"])
        members = self._groups.members(group, list(params["InstanceIds"]))
        for member in members:
            if member.lifecycle not in allowed:
                raise invalid(f"The instance {member.id} is not in {' or '.join(allowed)}; it is in {member.lifecycle}.")
        return group, members

    def _take_out(self, params: Params, allowed: tuple[str, ...], into: str, what: str) -> Any:
        group, members = self._checked(params, *allowed)
        counted = [member for member in members if member.counted]
        how = "without replacement" if params["ShouldDecrementDesiredCapacity"] else "with a replacement"
        if params["ShouldDecrementDesiredCapacity"]:
            self._groups.decrement(group, sum(member.units for member in counted), what)
        for member in members:
            self._lifecycle.leave(
                group, member, f"instance {member.id} was taken out, {how}, in response to a user request.", into, what
            )
        shown = [activity_details(member.activity, self._timing) for member in members if member.activity]
        return {"Activities": shown}

    def enter_standby(self, params: Params) -> Any:
        """Take members out of service: they drain, are not checked, and do not count."""
        return self._take_out(params, ("InService",), "EnteringStandby", "Moving EC2 instance to Standby")

    def detach(self, params: Params) -> Any:
        """Let members go without terminating them."""
        return self._take_out(params, ("InService", "Standby"), "Detaching", "Detaching EC2 instance")

    def exit_standby(self, params: Params) -> Any:
        """Bring members back; the desired capacity grows by as many."""
        group, members = self._checked(params, "Standby")
        if group.desired + len(members) > group.max:
            raise invalid(f"Exiting standby would violate group's max size constraint ({group.max}).")
        group.desired += sum(member.units for member in members)
        for member in members:
            member.lifecycle = "Pending"
            cause = f"instance {member.id} was moved out of standby in response to a user request."
            member.activity = self._activities.begin(
                group, f"Moving EC2 instance out of Standby: {member.id}", cause, member.zone
            )
        return {"Activities": [activity_details(member.activity, self._timing) for member in members if member.activity]}

    def attach(self, params: Params) -> Any:
        """Add running instances; the desired capacity grows by as many."""
        group = self._groups.find(params["AutoScalingGroupName"])
        ids = list(params["InstanceIds"])
        if group.desired + len(ids) > group.max:
            raise invalid(f"AttachInstances would exceed the group's max size ({group.max}).")
        instances = [self._attachable(group, instance_id) for instance_id in ids]
        group.desired += len(ids)
        for instance in instances:
            tags = self._moto.tags(instance.id)
            template = TemplateRef(tags.get("aws:ec2launchtemplate:id", ""), "", tags.get("aws:ec2launchtemplate:version", "0"))
            member = Member(instance.id, instance.availability_zone, template, instance.instance_type, self._timing.now())
            group.members[member.id] = member
            self._moto.tag(member.id, {"aws:autoscaling:groupName": group.name})
            cause = f"an instance was attached in response to a user request: {member.id}."
            member.activity = self._activities.begin(
                group, f"Attaching an existing EC2 instance: {member.id}", cause, member.zone
            )
        return {}

    def _attachable(self, group: Group, instance_id: str) -> Any:
        instance = self._moto.instance(instance_id)
        if instance is None or instance.state != "running":
            raise invalid(f"Invalid Instance ID or instance not running: {instance_id}")
        if any(instance_id in other.members for other in self._groups.all.values()):
            raise invalid(f"Instance {instance_id} is already part of an Auto Scaling group.")
        if instance.availability_zone not in group.zones:
            raise invalid(f"Instance {instance_id} is not in an Availability Zone of the group.")
        return instance

    def protect(self, params: Params) -> Any:
        """Protect members from scaling in, or no longer."""
        group = self._groups.find(params["AutoScalingGroupName"])
        members = self._groups.members(group, list(params["InstanceIds"]))
        for member in members:
            if member.lifecycle not in ("InService", "Pending", "Standby", "EnteringStandby"):
                raise invalid(f"The instance {member.id} is not in InService or EnteringStandby or Standby.")
        for member in members:
            member.protected = bool(params["ProtectedFromScaleIn"])
        return {}

    def set_health(self, params: Params) -> Any:
        """Mark a member healthy or unhealthy by hand, within the grace period only where it is not to be respected."""
        group, member = self._groups.of_instance(params["InstanceId"])
        respect = params.get("ShouldRespectGracePeriod", True)
        if respect and member.since and self._timing.now() < member.since + self._timing.real(group.grace):
            return {}
        member.health = str(params["HealthStatus"]).capitalize()
        member.sickness = "a user health-check"
        return {}
