"""Scaling policies: kept for every type, carried out for the simple and the step ones."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ApiError, invalid
from ..paging import page
from ..timing import Timing
from .groups import Groups
from .state import Group

Params = Mapping[str, Any]
ADJUSTMENTS = ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")


class Policies:
    """Put, list, delete and execute policies."""

    def __init__(self, groups: Groups, timing: Timing) -> None:
        self._groups = groups
        self._timing = timing
        self._policies: dict[tuple[str, str], dict[str, Any]] = {}
        self.actions: dict[str, Callable[[Params], Any]] = {
            "PutScalingPolicy": self.put,
            "DescribePolicies": self.describe,
            "DeletePolicy": self.delete,
            "ExecutePolicy": self.execute,
            "DescribeAdjustmentTypes": lambda params: {"AdjustmentTypes": [{"AdjustmentType": name} for name in ADJUSTMENTS]},
        }

    def put(self, params: Params) -> Any:
        """Create or change a policy."""
        group = self._groups.find(params["AutoScalingGroupName"])
        kind = params.get("PolicyType", "SimpleScaling")
        if kind in ("SimpleScaling", "StepScaling") and params.get("AdjustmentType") not in ADJUSTMENTS:
            raise invalid(f"AdjustmentType must be one of {', '.join(ADJUSTMENTS)}.")
        key = (group.name, params["PolicyName"])
        arn = f"{group.arn.replace('autoScalingGroup:', 'scalingPolicy:', 1)}:policyName/{params['PolicyName']}"
        self._policies[key] = {"Enabled": True, **params, "PolicyType": kind, "PolicyARN": arn, "Alarms": []}
        return {"PolicyARN": arn, "Alarms": []}

    def describe(self, params: Params) -> Any:
        """List policies by group, name and type."""
        wanted = {"AutoScalingGroupName": [params["AutoScalingGroupName"]]} if params.get("AutoScalingGroupName") else {}
        found = [policy for policy in self._policies.values() if policy["AutoScalingGroupName"] in self._groups.all]
        for name, values in (
            *wanted.items(),
            ("PolicyName", params.get("PolicyNames")),
            ("PolicyType", params.get("PolicyTypes")),
        ):
            found = [policy for policy in found if not values or policy[name] in values]
        shown, token = page(found, params, 100)
        return {"ScalingPolicies": shown, "NextToken": token}

    def _find(self, params: Params) -> dict[str, Any]:
        wanted = params["PolicyName"]
        for (group, name), policy in self._policies.items():
            if policy["PolicyARN"] == wanted or (name == wanted and group == params.get("AutoScalingGroupName")):
                return policy
        raise invalid(f"PolicyName or PolicyARN not found: {wanted}")

    def delete(self, params: Params) -> Any:
        """Delete a policy."""
        policy = self._find(params)
        del self._policies[policy["AutoScalingGroupName"], policy["PolicyName"]]
        return {}

    def execute(self, params: Params) -> Any:
        """Carry a policy out by hand."""
        policy = self._find(params)
        group = self._groups.find(policy["AutoScalingGroupName"])
        self._apply(group, policy, params, "a user request executed policy")
        return {}

    def alarm(self, arn: str, metric: float) -> None:
        """Carry a policy out because an alarm rang, unless AlarmNotification is suspended. Unknown policies are left alone."""
        for policy in self._policies.values():
            group = self._groups.all.get(policy["AutoScalingGroupName"])
            if policy["PolicyARN"] == arn and group is not None and group.runs("AlarmNotification"):
                values = {"MetricValue": metric, "BreachThreshold": 0.0}
                self._apply(group, policy, values, "a monitor alarm in state ALARM triggered policy")

    def _apply(self, group: Group, policy: Params, params: Params, reason: str) -> None:
        if params.get("HonorCooldown") and policy["PolicyType"] == "SimpleScaling":
            cooldown = self._timing.real(float(policy.get("Cooldown", group.cooldown)))
            if self._timing.now() < group.last_scaled + cooldown:
                raise ApiError("ScalingActivityInProgress", f"Scaling activities of {group.name} are in their cooldown.")
        wanted = _adjusted(group.desired, policy, params)
        within = min(max(wanted, group.min), group.max)
        self._groups.set_desired(group, within, f"{reason} {policy['PolicyName']}")


def _adjusted(desired: int, policy: Params, params: Params) -> int:
    adjustment = int(policy["ScalingAdjustment"]) if policy["PolicyType"] == "SimpleScaling" else _step(policy, params)
    if policy["AdjustmentType"] == "ExactCapacity":
        return adjustment
    if policy["AdjustmentType"] == "ChangeInCapacity":
        return desired + adjustment
    change = desired * adjustment / 100
    # fractions: above one towards zero, below one away from it
    rounded = math.trunc(change) or int(math.copysign(1, change))
    least = int(policy.get("MinAdjustmentMagnitude", 0))
    return desired + int(math.copysign(max(abs(rounded), least), rounded))


def _step(policy: Params, params: Params) -> int:
    if policy["PolicyType"] != "StepScaling" or "MetricValue" not in params:
        raise invalid("ExecutePolicy needs a SimpleScaling policy, or a StepScaling one with MetricValue and BreachThreshold.")
    over = float(params["MetricValue"]) - float(params.get("BreachThreshold", 0.0))
    for step in policy.get("StepAdjustments", ()):
        lower = float(step.get("MetricIntervalLowerBound", -math.inf))
        if lower <= over < float(step.get("MetricIntervalUpperBound", math.inf)):
            return int(step["ScalingAdjustment"])
    raise invalid("No step adjustment of the policy covers this metric value.")
