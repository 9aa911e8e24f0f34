"""What calls of EC2 Auto Scaling need.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2 Auto Scaling"; its user guide,
"Control Amazon EC2 launch template usage in Auto Scaling groups": naming a template needs the permissions of its launch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .evaluate import Request
from .facts import Facts
from .launches import run_instances
from .tagging import Keys, of_request, of_resource, pairs

Params = Mapping[str, Any]

_ON_GROUP = {
    *("CancelInstanceRefresh", "RollbackInstanceRefresh", "StartInstanceRefresh"),
    *("ResumeProcesses", "SuspendProcesses", "SetInstanceProtection", "SetDesiredCapacity", "UpdateAutoScalingGroup"),
    *("DeleteAutoScalingGroup", "DetachInstances", "AttachInstances", "EnterStandby", "ExitStandby", "PutLifecycleHook"),
}
# The parameters of UpdateAutoScalingGroup as condition keys, each when present.
_SHOWN = {
    "MaxSize": "autoscaling:MaxSize",
    "MinSize": "autoscaling:MinSize",
    "LaunchConfigurationName": "autoscaling:LaunchConfigurationName",
}


def autoscaling(action: str, params: Params, facts: Facts) -> Iterator[Request] | None:
    """Return what a call of EC2 Auto Scaling needs; None for an action that is not in this table."""
    if action.startswith("Describe"):
        return iter([Request(f"autoscaling:{action}")])
    if action in ("CreateOrUpdateTags", "DeleteTags"):
        return _tags(action, params, facts)
    if action == "TerminateInstanceInAutoScalingGroup":
        return iter([_on_group(action, params.get("AutoScalingGroupName") or facts.group_of(params["InstanceId"]), {}, facts)])
    return _change(action, params, facts) if action in _ON_GROUP else None


def _change(action: str, params: Params, facts: Facts) -> Iterator[Request]:
    name = params["AutoScalingGroupName"]
    templates = list(_templates(params)) or list(_templates(params.get("DesiredConfiguration", {})))
    keys: Keys = {}
    if action == "UpdateAutoScalingGroup":
        keys |= {key: str(params[name]) for name, key in _SHOWN.items() if params.get(name) is not None}
        if subnets := params.get("VPCZoneIdentifier"):
            keys["autoscaling:VPCZoneIdentifiers"] = subnets.split(",")
        if templates:
            keys["autoscaling:LaunchTemplateVersionSpecified"] = str(all("Version" in one for one in templates)).lower()
    yield _on_group(action, name, keys, facts)
    for template in templates:
        _, _, subnets = facts.group(name)
        yield from run_instances({"LaunchTemplate": template, "SubnetId": next(iter(subnets), "")}, facts)


def _templates(params: Params) -> Iterator[Params]:
    """Yield the launch templates that a group would launch from: its own, or those of a mixed-instances policy."""
    if params.get("LaunchTemplate"):
        yield params["LaunchTemplate"]
    policy = params.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    for named in (policy, *policy.get("Overrides", ())):
        if named.get("LaunchTemplateSpecification"):
            yield named["LaunchTemplateSpecification"]


def _tags(action: str, params: Params, facts: Facts) -> Iterator[Request]:
    names = dict.fromkeys(tag["ResourceId"] for tag in params["Tags"])
    for name in names:
        tags = pairs(tag for tag in params["Tags"] if tag["ResourceId"] == name)
        yield _on_group(action, name, of_request(tags), facts)


def _on_group(action: str, name: str, keys: Keys, facts: Facts) -> Request:
    arn, tags, _ = facts.group(name)
    return Request(f"autoscaling:{action}", arn, of_resource(tags, "autoscaling:ResourceTag") | keys)
