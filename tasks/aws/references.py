"""What references images and snapshots in this account and region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ..decisions.release.image_names import revision_of
from ..decisions.release.image_pruning import TemplateVersion, Use
from ..runtime.cloud import Cloud, error_code
from . import launch_templates
from .launch_templates import Version

# A filter takes 200 values.
_PORTION = 200
_STATES = ["pending", "running", "shutting-down", "stopping", "stopped"]
_DEPTH = "10000"  # versions of a launch template: all that there can be
# Of AWS's own references these are examined here more closely, version by version.
_EXAMINED = ("ec2:Instance",)
_ABSENT = ("InvalidAction", "UnauthorizedOperation", "UnsupportedOperation", "UnknownOperationException")


def of_instances(cloud: Cloud, images: Sequence[str]) -> Iterator[Use]:
    """Yield the instances of these images, in a group, in a warm pool or alone, which are not terminated."""
    pages = cloud.client("ec2").get_paginator("describe_instances")
    for start in range(0, len(images), _PORTION):
        names = {"Name": "image-id", "Values": list(images[start : start + _PORTION])}
        for page in pages.paginate(Filters=[names, {"Name": "instance-state-name", "Values": _STATES}]):
            for instance in (i for reservation in page["Reservations"] for i in reservation["Instances"]):
                yield Use(f"{instance['InstanceId']} boots from it", frozenset({instance["ImageId"]}))


def named_versions(cloud: Cloud) -> tuple[dict[tuple[str, str], str], set[str]]:
    """Return the template versions that any group of the account names or runs, with the reason, and the templates.

    $Latest and $Default are left as they are.
    """
    found: dict[tuple[str, str], str] = {}
    pages = cloud.client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate()
    for group in (g for page in pages for g in page["AutoScalingGroups"]):
        name, policy = group["AutoScalingGroupName"], group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
        overrides = [override.get("LaunchTemplateSpecification") for override in policy.get("Overrides", [])]
        specifications = [group.get("LaunchTemplate"), policy.get("LaunchTemplateSpecification"), *overrides]
        for specification in filter(None, specifications):
            found[_key(specification)] = f"{name} launches it"
        for member in group.get("Instances", []):
            if "LaunchTemplate" in member:
                found.setdefault(_key(member["LaunchTemplate"]), f"{member['InstanceId']} of {name} runs it")
    return found, {template for template, _ in found}


def _key(specification: Mapping[str, Any]) -> tuple[str, str]:
    return str(specification.get("LaunchTemplateId", "")), str(specification.get("Version", "$Default"))


def versions(cloud: Cloud, templates: Sequence[str]) -> list[TemplateVersion]:
    """Return all versions of these templates, and the latest and default version of every other in the account."""
    found = [_of(version) for template in templates for version in launch_templates.versions(cloud, template)]
    pages = cloud.client("ec2").get_paginator("describe_launch_template_versions").paginate(Versions=["$Latest", "$Default"])
    for shown in (v for page in pages for v in page["LaunchTemplateVersions"]):
        if shown["LaunchTemplateId"] not in templates:
            found.append(_of(launch_templates.read(shown)))
    return found


def _of(version: Version) -> TemplateVersion:
    devices = version.data.get("BlockDeviceMappings", [])
    snapshots = frozenset(str(device["Ebs"]["SnapshotId"]) for device in devices if "SnapshotId" in device.get("Ebs", {}))
    ours = revision_of(version.description) is not None
    return TemplateVersion(version.template, version.number, ours, version.image, snapshots)


def of_launch_configurations(cloud: Cloud) -> Iterator[Use]:
    """Yield what launch configurations, which may be left from earlier, need."""
    pages = cloud.client("autoscaling").get_paginator("describe_launch_configurations").paginate()
    for shown in (c for page in pages for c in page["LaunchConfigurations"]):
        devices = shown.get("BlockDeviceMappings", [])
        snapshots = frozenset(str(device["Ebs"]["SnapshotId"]) for device in devices if "SnapshotId" in device.get("Ebs", {}))
        yield Use(f"launch configuration {shown['LaunchConfigurationName']}", frozenset({shown["ImageId"]}), snapshots)


def of_anything(cloud: Cloud, images: Sequence[str], examined: Sequence[str]) -> list[Use] | str:
    """Return what AWS itself knows to reference these images, such as SSM parameters and recipes of Image Builder.

    `examined`: templates whose versions are looked at one by one. Returns why where AWS does not answer (DescribeImageReferences
    is young, and may not be allowed).
    """
    found = []
    everything: Any = [{"ResourceType": "ec2:LaunchTemplate", "ResourceTypeOptions": [_option("version-depth", [_DEPTH])]}]
    pages = cloud.client("ec2").get_paginator("describe_image_references")
    try:
        for start in range(0, len(images), _PORTION):
            asked = {"ImageIds": list(images[start : start + _PORTION]), "IncludeAllResourceTypes": True}
            for page in pages.paginate(**asked, ResourceTypes=everything):
                for shown in page["ImageReferences"]:
                    arn, kind = shown.get("Arn", ""), shown.get("ResourceType", "")
                    if kind not in _EXAMINED and arn.rpartition("/")[2] not in examined:
                        found.append(Use(f"{kind} {arn}", frozenset({shown["ImageId"]})))
    except ClientError as error:
        if error_code(error) not in _ABSENT:
            raise
        return f"{error_code(error)}: {error.response['Error'].get('Message', '')}"
    return found


def _option(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"OptionName": name, "OptionValues": list(values)}
