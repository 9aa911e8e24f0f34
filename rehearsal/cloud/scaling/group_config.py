"""From the parameters of CreateAutoScalingGroup and UpdateAutoScalingGroup to what a group is."""

from collections.abc import Mapping
from typing import Any

from ..errors import invalid
from ..moto_state import MotoState
from .choices import POLICIES
from .groups import check_sizes
from .launcher import Launcher
from .mixed import DISTRIBUTION, check
from .state import Group, TemplateRef

Params = Mapping[str, Any]


def require_attachable(arn: str, target_group: Any | None) -> None:
    """Raise ApiError for a target group that does not exist, or whose targets are no instances: a group registers these alone."""
    if target_group is None:
        raise invalid(f"Target group '{arn}' not found")
    if target_group.target_type != "instance":
        raise invalid(f"Target group '{arn}' is of type {target_group.target_type}; the type must be instance.")


class GroupConfig:
    """Check parameters and put them into a group."""

    def __init__(self, launcher: Launcher, moto: MotoState) -> None:
        self._launcher = launcher
        self._moto = moto

    def apply(self, group: Group, params: Params) -> None:
        """Change what the parameters name. Raises ApiError for an invalid parameter, before any change."""
        changes = {**self._sizes(group, params), **self._launch(params), **self._network(params), **self._rules(params)}
        for name, value in changes.items():
            setattr(group, name, value)

    @staticmethod
    def _sizes(group: Group, params: Params) -> dict[str, Any]:
        least, most = int(params.get("MinSize", group.min)), int(params.get("MaxSize", group.max))
        desired = params.get("DesiredCapacity")
        # without a desired capacity of its own, the group is moved to the nearer bound
        wanted = int(desired) if desired is not None else min(max(group.desired, least), max(most, least))
        check_sizes(least, most, wanted)
        changes: dict[str, Any] = {"min": least, "max": most, "desired": wanted}
        if wanted != group.desired:
            bounds = f"min: {least}, max: {most}, desired: {wanted}"
            changes["scale_reason"] = (
                f"a user request update of AutoScalingGroup constraints to {bounds} changing the desired capacity from "
                f"{group.desired} to {wanted}."
            )
        return changes

    def _launch(self, params: Params) -> dict[str, Any]:
        if params.get("LaunchConfigurationName") or params.get("InstanceId"):
            raise invalid("Launch configurations are not modelled by the stand-in cloud; use a launch template.")
        if params.get("LaunchTemplate"):
            return {"template": self._named(params["LaunchTemplate"]), "mixed": None}
        if params.get("MixedInstancesPolicy"):
            return {"template": None, "mixed": self._mixed(params["MixedInstancesPolicy"])}
        return {}

    def _mixed(self, policy: Params) -> dict[str, Any]:
        check(policy)
        template = policy["LaunchTemplate"]
        base = self._named(template["LaunchTemplateSpecification"]).shown()
        overrides = []
        for override in template.get("Overrides", ()):
            own = override.get("LaunchTemplateSpecification")
            shown = {"LaunchTemplateSpecification": self._named(own).shown()} if own else {}
            overrides.append({**override, **shown})
        # Whatever is left out goes back to its default: the documentation does not promise that it stays.
        return {
            "LaunchTemplate": {"LaunchTemplateSpecification": base, "Overrides": overrides},
            "InstancesDistribution": {**DISTRIBUTION, **policy.get("InstancesDistribution", {})},
        }

    def _named(self, specification: Params) -> TemplateRef:
        if "LaunchTemplateId" in specification and "LaunchTemplateName" in specification:
            raise invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
        return self._launcher.reference(specification)

    def _network(self, params: Params) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if params.get("VPCZoneIdentifier"):
            wanted = [subnet.strip() for subnet in params["VPCZoneIdentifier"].split(",")]
            changes["subnets"] = {subnet: self._moto.ec2.get_subnet(subnet).availability_zone for subnet in wanted}
        if "TargetGroupARNs" in params:
            for arn in params["TargetGroupARNs"]:
                require_attachable(arn, self._moto.elbv2.target_groups.get(arn))
            changes["target_groups"] = list(params["TargetGroupARNs"])
        return changes

    def _rules(self, params: Params) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        plain = {
            "HealthCheckType": "health_type",
            "HealthCheckGracePeriod": "grace",
            "DefaultCooldown": "cooldown",
            "NewInstancesProtectedFromScaleIn": "protect_new",
            "DefaultInstanceWarmup": "warmup",
            "CapacityRebalance": "capacity_rebalance",
        }
        changes.update({ours: params[theirs] for theirs, ours in plain.items() if theirs in params})
        if params.get("TerminationPolicies"):
            if unknown := [name for name in params["TerminationPolicies"] if name not in POLICIES]:
                raise invalid(f"Invalid termination policy: {unknown[0]}")
            changes["policies"] = list(params["TerminationPolicies"])
        if "InstanceLifecyclePolicy" in params:
            changes["lifecycle_policy"] = params["InstanceLifecyclePolicy"]
        if policy := params.get("InstanceMaintenancePolicy"):
            changes["maintenance"] = _percentages(policy)
        return changes


def _percentages(policy: Params) -> tuple[int, int] | None:
    least, most = int(policy.get("MinHealthyPercentage", -1)), int(policy.get("MaxHealthyPercentage", -1))
    if (least, most) == (-1, -1):
        return None
    if not (0 <= least <= 100 and 100 <= most <= 200 and most - least <= 100):
        raise invalid("MinHealthyPercentage must be 0 to 100, MaxHealthyPercentage 100 to 200, and at most 100 between them.")
    return least, most
