"""What a group launches from: a launch template, by itself or in a mixed-instances policy; and how it is pointed at a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import Refused

# Instance types that are tried for an instance of ours; a policy may name forty.
_MOST_TYPES = 8


@dataclass(frozen=True)
class LaunchSource:
    """A group's launch template.

    `template`: its id, "" for a launch configuration; `version`: the reference, a number, $Latest or $Default; `policy`: the
    mixed-instances policy as AWS shows it, None without one.
    """

    template: str
    version: str
    policy: Mapping[str, Any] | None = None

    def pointed_at(self, version: str) -> dict[str, Any]:
        """Return the parameters that name another version, for UpdateAutoScalingGroup and for a DesiredConfiguration.

        Of a policy all is sent as it is: what an update leaves out may go back to its default.
        """
        named = {"LaunchTemplateId": self.template, "Version": version}
        if self.policy is None:
            return {"LaunchTemplate": named}
        launch = {**self.policy["LaunchTemplate"], "LaunchTemplateSpecification": named}
        if self._overrides:
            launch["Overrides"] = [_sendable(override) for override in self._overrides]
        policy: dict[str, Any] = {"LaunchTemplate": launch}
        if "InstancesDistribution" in self.policy:
            policy["InstancesDistribution"] = _distribution(self.policy["InstancesDistribution"])
        return {"MixedInstancesPolicy": policy}

    @property
    def _overrides(self) -> list[Mapping[str, Any]]:
        return list((self.policy or {}).get("LaunchTemplate", {}).get("Overrides", ()))

    @property
    def foreign(self) -> list[str]:
        """Return the overrides that a new version of the template does nothing for: with a template or an image of their own."""
        found = []
        for override in self._overrides:
            own, what = override.get("LaunchTemplateSpecification"), override.get("InstanceType", "instance requirements")
            if own:
                template = own.get("LaunchTemplateId") or own.get("LaunchTemplateName")
                found.append(f"{what}: launch template {template}, version {own.get('Version', '$Default')}")
            if override.get("ImageId"):
                found.append(f"{what}: image {override['ImageId']}")
        return found

    @property
    def types(self) -> tuple[str, ...]:
        """Return the first instance types of the policy's overrides, in order; instance requirements name none."""
        named = (str(override["InstanceType"]) for override in self._overrides if override.get("InstanceType"))
        return tuple(dict.fromkeys(named))[:_MOST_TYPES]

    @property
    def chooses_types(self) -> bool:
        """Return whether AWS chooses the instance types by requirements."""
        return any("InstanceRequirements" in override for override in self._overrides)

    @property
    def weights(self) -> list[int]:
        """Return the weights of the policy's overrides."""
        return [int(override["WeightedCapacity"]) for override in self._overrides if override.get("WeightedCapacity")]


def source_of(shown: Mapping[str, Any]) -> LaunchSource:
    """Return the launch source of a group as DescribeAutoScalingGroups shows it, or of a refresh's DesiredConfiguration."""
    policy = shown.get("MixedInstancesPolicy")
    named = policy["LaunchTemplate"].get("LaunchTemplateSpecification", {}) if policy else shown.get("LaunchTemplate", {})
    return LaunchSource(named.get("LaunchTemplateId", ""), named.get("Version", "$Default"), policy)


def require_template(name: str, source: LaunchSource) -> str:
    """Return the id of a group's launch template. Raises Refused where it has none."""
    if not source.template:
        raise Refused(f"{name} has no launch template (a launch configuration?): give it one")
    return source.template


def _sendable(override: Mapping[str, Any]) -> dict[str, Any]:
    own = override.get("LaunchTemplateSpecification")
    if not own or "LaunchTemplateId" not in own:
        return dict(override)
    # AWS shows id and name, and takes one of them.
    named = {key: value for key, value in own.items() if key != "LaunchTemplateName"}
    return {**override, "LaunchTemplateSpecification": named}


def _distribution(shown: Mapping[str, Any]) -> dict[str, Any]:
    # Valid only for this strategy (InstancesDistribution in the API reference).
    pools = shown.get("SpotInstancePools") and shown.get("SpotAllocationStrategy", "lowest-price") == "lowest-price"
    return {key: value for key, value in shown.items() if key != "SpotInstancePools" or pools}
