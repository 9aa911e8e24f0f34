"""Elastic Load Balancing's calls about targets; load balancers, listeners and target groups are moto's."""

from collections.abc import Mapping
from typing import Any

from .errors import ApiError
from .moto_state import MotoState
from .targets import Target, Targets

Params = Mapping[str, Any]


class TargetApi:
    """Register and deregister targets, describe their health."""

    def __init__(self, targets: Targets, moto: MotoState) -> None:
        self._targets = targets
        self._moto = moto
        self.actions = {
            "RegisterTargets": self.register,
            "DeregisterTargets": self.deregister,
            "DescribeTargetHealth": self.health,
        }

    def _group(self, params: Params) -> Any:
        group = self._targets.group(params["TargetGroupArn"])
        if group is None:
            raise ApiError("TargetGroupNotFound", "One or more target groups not found")
        return group

    def _address(self, group: Any, target_id: str) -> str:
        if group.target_type == "ip":
            return target_id
        instance = self._moto.instance(target_id)
        if instance is None:
            raise ApiError("InvalidTarget", f"The following targets are not valid instances: '{target_id}'")
        if instance.state != "running":
            raise ApiError(
                "InvalidTarget", f"The following targets are not in a running state and cannot be registered: '{target_id}'"
            )
        return str(instance.private_ip)

    def register(self, params: Params) -> Any:
        """Register running instances."""
        group = self._group(params)
        for wanted in params["Targets"]:
            self._targets.register(group.arn, wanted["Id"], wanted.get("Port"), self._address(group, wanted["Id"]))
        return {}

    def deregister(self, params: Params) -> Any:
        """Begin to drain targets; unregistered targets are no error."""
        group = self._group(params)
        for wanted in params["Targets"]:
            self._targets.deregister(group.arn, wanted["Id"], wanted.get("Port"))
        return {}

    def health(self, params: Params) -> Any:
        """Describe all targets, or the requested ones: `unused` where a target is not registered."""
        group = self._group(params)
        if not params.get("Targets"):
            return {"TargetHealthDescriptions": [_shown(target, group) for target in self._targets.of(group.arn)]}
        shown = []
        for wanted in params["Targets"]:
            target = self._targets.find(group.arn, wanted["Id"])
            shown.append(_shown(target, group) if target else _unregistered(wanted, group))
        return {"TargetHealthDescriptions": shown}


def _shown(target: Target, group: Any) -> dict[str, Any]:
    health = {"State": target.state}
    if target.reason:
        health.update(Reason=target.reason, Description=target.description)
    port = target.port if group.health_check_port in (None, "traffic-port") else group.health_check_port
    return {"Target": {"Id": target.id, "Port": target.port}, "HealthCheckPort": str(port), "TargetHealth": health}


def _unregistered(wanted: Mapping[str, Any], group: Any) -> dict[str, Any]:
    return {
        "Target": {"Id": wanted["Id"], "Port": wanted.get("Port", int(group.port))},
        "TargetHealth": {
            "State": "unused",
            "Reason": "Target.NotRegistered",
            "Description": "Target is not registered to the target group",
        },
    }
