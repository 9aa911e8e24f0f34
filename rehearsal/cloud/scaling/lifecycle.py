"""The life of a member, from Pending to its end: each state knows what it waits for."""

from ..machines import Machines
from ..moto_state import MotoState
from ..targets import Targets
from ..timing import Timing
from .activities import Activities
from .hooks import Hooks
from .state import LAUNCHING, TERMINATING, Group, Member, Wait

DEAD = ("shutting-down", "terminated")


class Lifecycle:
    """Move members on, one state at a time."""

    def __init__(
        self, machines: Machines, moto: MotoState, targets: Targets, hooks: Hooks, activities: Activities, timing: Timing
    ) -> None:
        self._machines = machines
        self._moto = moto
        self._targets = targets
        self._hooks = hooks
        self._activities = activities
        self._timing = timing
        self._steps = {
            "Pending": self._pending,
            "Pending:Wait": self._pending_wait,
            "Pending:Proceed": self._enter_service,
            "Terminating": self._terminating,
            "Terminating:Wait": self._terminating_wait,
            "Terminating:Proceed": self._ending,
            "EnteringStandby": self._entering_standby,
            "Detaching": self._detaching,
        }

    def advance(self, group: Group, now: float) -> None:
        """Move every member of a group on, where what it waited for has happened."""
        for member in list(group.members.values()):
            if step := self._steps.get(member.lifecycle):
                step(group, member, now)

    def state(self, member: Member) -> str:
        """Return the state of a member's EC2 instance."""
        instance = self._moto.instance(member.id)
        return str(instance.state) if instance is not None else "terminated"

    # -- coming

    def _pending(self, group: Group, member: Member, now: float) -> None:
        state = self.state(member)
        if state in DEAD:
            why = self._moto.instances[member.id].state_reason.message
            message = "Instance became unhealthy while waiting for instance to be in InService state."
            self._activities.end(member.activity, "Cancelled", f"{message} Termination Reason: {why}")
            del group.members[member.id]
        elif state == "running":
            if not member.hooks_done and self._hooks.begin(group, member, LAUNCHING):
                member.lifecycle = "Pending:Wait"
                self._activities.mark(member, "MidLifecycleAction", 40)
            else:
                self._enter_service(group, member, now)

    def _pending_wait(self, group: Group, member: Member, now: float) -> None:
        if abandoned := self._hooks.expire(member, now):
            self.abandon(group, member, abandoned[0], "Heartbeat Timeout")
        elif not member.waits:
            member.hooks_done = True
            member.lifecycle = "Pending:Proceed"

    def abandon(self, group: Group, member: Member, wait: Wait, why: str) -> None:
        """Handle an abandoned hook: a new instance is terminated, a terminating instance is retained where the group asks so."""
        if member.lifecycle == "Pending:Wait":
            action = f"Lifecycle Action with token {wait.token} was abandoned: {why}"
            self._activities.end(member.activity, "Cancelled", f"Instance failed to complete user's Lifecycle Action: {action}")
            self.leave(group, member, f"instance {member.id} was taken out of service: its lifecycle action was abandoned.")
        elif member.lifecycle == "Terminating:Wait" and group.retains:
            member.lifecycle = "Terminating:Retained"
            self._activities.end(member.activity, "Cancelled", f"Instance {member.id} is retained: {why}")

    def _enter_service(self, group: Group, member: Member, now: float) -> None:
        member.lifecycle = "InService"
        member.since = now
        if group.runs("AddToLoadBalancer"):
            for arn in group.target_groups:
                self.register(member, arn)
        self._activities.end(member.activity)

    def register(self, member: Member, arn: str) -> None:
        """Put a member into a target group."""
        instance = self._moto.instance(member.id)
        if instance is not None and self._targets.group(arn) is not None:
            self._targets.register(arn, member.id, None, instance.private_ip)
            member.registered.add(arn)

    # -- leaving

    def leave(
        self, group: Group, member: Member, cause: str, into: str = "Terminating", what: str = "Terminating EC2 instance"
    ) -> None:
        """Take a member out of service: deregister, drain, and go on to `into`'s end."""
        self._activities.end(member.activity, "Cancelled")
        # what is retained has drained and met its hooks already
        member.hooks_done = member.lifecycle == "Terminating:Retained"
        member.lifecycle = into
        member.waits.clear()
        registered = [arn for arn in group.target_groups if self._targets.deregister(arn, member.id)]
        member.registered.clear()
        status = "WaitingForELBConnectionDraining" if registered else "InProgress"
        member.activity = self._activities.begin(group, f"{what}: {member.id}", cause, member.zone, status)

    def _drained(self, group: Group, member: Member) -> bool:
        if self.state(member) in DEAD:
            self._targets.forget(member.id)
            return True
        return not any(self._targets.find(arn, member.id) for arn in group.target_groups)

    def _terminating(self, group: Group, member: Member, now: float) -> None:
        if not member.hooks_done:
            if not self._drained(group, member):
                return
            if self.state(member) not in DEAD and self._hooks.begin(group, member, TERMINATING):
                member.lifecycle = "Terminating:Wait"
                self._activities.mark(member, "MidLifecycleAction", 60)
                return
            member.hooks_done = True
        self._ending(group, member, now)

    def _terminating_wait(self, group: Group, member: Member, now: float) -> None:
        if abandoned := self._hooks.expire(member, now):
            member.waits.clear()
            self.abandon(group, member, abandoned[0], "Heartbeat Timeout")
        if not member.waits and member.lifecycle == "Terminating:Wait":
            member.lifecycle = "Terminating:Proceed"

    def _ending(self, group: Group, member: Member, now: float) -> None:
        if group.takes_back(member) and self.state(member) == "running":
            self._activities.end(member.activity)
            member.lifecycle, member.since, member.hooks_done = "Warmed:Pending", 0.0, False
            group.warm[member.id] = group.members.pop(member.id)
            return
        instance = self._moto.instance(member.id)
        if instance is not None and instance.state not in DEAD:
            self._machines.terminate(instance)
            self._activities.mark(member, "InProgress", 80)
        if self.state(member) == "terminated":
            self._activities.end(member.activity)
            del group.members[member.id]

    def _entering_standby(self, group: Group, member: Member, now: float) -> None:
        if self._drained(group, member):
            member.lifecycle = "Standby"
            self._activities.end(member.activity)

    def _detaching(self, group: Group, member: Member, now: float) -> None:
        if self._drained(group, member):
            self._moto.ec2.delete_tag_keys([member.id], ["aws:autoscaling:groupName"])
            self._activities.end(member.activity)
            del group.members[member.id]
