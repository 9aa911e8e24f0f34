"""From launch templates and parameters to an order: what a template says, and what is put over it."""

from collections.abc import Mapping
from typing import Any

from .errors import ApiError
from .filters import tags_of
from .orders import Order
from .templates import Template, Templates, Version


def merged(template: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Merge parameters into a template's data: each replaces the template's; tags are merged by key."""
    result = {**template, **own}
    result["TagSpecifications"] = [*template.get("TagSpecifications", ()), *own.get("TagSpecifications", ())]
    return result


def resolve(templates: Templates, reference: Mapping[str, Any]) -> tuple[Template, Version]:
    """Return the template and the version that a LaunchTemplateSpecification means right now."""
    template = templates.find(reference.get("LaunchTemplateId"), reference.get("LaunchTemplateName"))
    return template, template.get(reference.get("Version"))


def template_tags(template: Template, version: Version) -> dict[str, str]:
    """Return the tags that EC2 sets on instances of a template."""
    return {"aws:ec2launchtemplate:id": template.id, "aws:ec2launchtemplate:version": str(version.number)}


def order(data: Mapping[str, Any], subnet_id: str | None, tags: Mapping[str, str]) -> Order:
    """Make an order of launch parameters.

    `subnet_id` wins over the data's own, `tags` go over its instance tags. Raises ApiError where something is missing.
    """
    interface: Mapping[str, Any] = (data.get("NetworkInterfaces") or [{}])[0]
    subnet = subnet_id or data.get("SubnetId") or interface.get("SubnetId")
    if not data.get("ImageId"):
        raise ApiError("MissingParameter", "The request must contain the parameter ImageId")
    if not subnet:
        raise ApiError("MissingInput", "No subnet is given, and the stand-in cloud has no default VPC in use.")
    specifications = data.get("TagSpecifications", ())
    return Order(
        image_id=data["ImageId"],
        instance_type=data.get("InstanceType", "m1.small"),
        subnet_id=subnet,
        user_data=str(data.get("UserData") or ""),
        tags={**tags_of(specifications, "instance"), **tags},
        volume_tags=tags_of(specifications, "volume"),
        groups=tuple(data.get("SecurityGroupIds") or interface.get("Groups") or ()),
        key_name=data.get("KeyName"),
        mappings=tuple(data.get("BlockDeviceMappings", ())),
        profile=data.get("IamInstanceProfile", {}),
        private_ip=data.get("PrivateIpAddress"),
        client_token=data.get("ClientToken", ""),
        metadata=data.get("MetadataOptions", {}),
        keep=bool(data.get("DisableApiTermination")),
        keep_running=bool(data.get("DisableApiStop")),
        public=interface.get("AssociatePublicIpAddress"),
        spot=_spot(data.get("InstanceMarketOptions") or {}),
    )


def _spot(market: Mapping[str, Any]) -> str | None:
    if market.get("MarketType") != "spot":
        return None
    asked = market.get("SpotOptions") or {}
    kind = str(asked.get("SpotInstanceType") or "one-time")
    behaviour = asked.get("InstanceInterruptionBehavior") or "terminate"
    if kind == "one-time" and behaviour != "terminate":
        message = f"The request with type '{kind}' is not supported when instanceInterruptionBehavior is set to '{behaviour}'."
        raise ApiError("InvalidParameterCombination", message)
    return kind
