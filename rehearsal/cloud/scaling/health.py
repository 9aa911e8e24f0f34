"""Which members of a group are unhealthy."""

from ..options import Options
from ..targets import Targets
from ..timing import Timing
from .lifecycle import Lifecycle
from .state import Group, Member


class HealthChecks:
    """Mark the members that fail EC2's or the load balancer's health checks."""

    def __init__(self, lifecycle: Lifecycle, targets: Targets, options: Options, timing: Timing) -> None:
        self._lifecycle = lifecycle
        self._targets = targets
        self._options = options
        self._timing = timing

    def mark(self, group: Group, now: float) -> None:
        """Mark the unhealthy members in service; Standby is not checked, and nothing while HealthCheck is suspended."""
        if not group.runs("HealthCheck"):
            return
        for member in group.in_service():
            if sickness := self._sickness(group, member, now):
                member.health = "Unhealthy"
                member.sickness = sickness

    def _sickness(self, group: Group, member: Member, now: float) -> str:
        if self._lifecycle.state(member) != "running":
            return "an EC2 health check indicating it has been terminated or stopped"
        if "ELB" not in group.health_type or now < member.since + self._timing.real(group.grace):
            return ""
        if any(self._fails(member, arn) for arn in group.target_groups):
            return "an ELB system health check failure"
        return ""

    def _fails(self, member: Member, arn: str) -> bool:
        target = self._targets.find(arn, member.id)
        if target is None or target.state == "draining":
            return self._options.replace_deregistered and arn in member.registered
        return target.state == "unhealthy" and (target.ever_healthy or self._options.replace_never_healthy)

    def ready(self, group: Group, member: Member) -> bool:
        """Return whether a member is ready to its group: in service and healthy, with ELB checks in every target group too."""
        if member.lifecycle != "InService" or member.health != "Healthy":
            return False
        if "ELB" not in group.health_type:
            return True
        found = [self._targets.find(arn, member.id) for arn in group.target_groups if arn in member.registered]
        return all(target is not None and target.state == "healthy" for target in found)
