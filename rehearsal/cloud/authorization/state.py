"""The facts of one stand-in cloud."""

from collections.abc import Mapping
from typing import Any

from ..errors import ApiError
from ..images import snapshots_of
from ..launch_requests import resolve
from ..moto_state import MotoState
from ..scaling.groups import Groups
from ..templates import Templates


class StandInFacts:
    """What the stand-in's parts know of the resources in its account."""

    partition = "aws"

    def __init__(self, moto: MotoState, groups: Groups, templates: Templates) -> None:
        self._moto = moto
        self._groups = groups
        self._templates = templates

    @property
    def region(self) -> str:
        """Return the region."""
        return self._moto.region

    @property
    def account(self) -> str:
        """Return the number of the account."""
        return self._moto.account

    def tags(self, id: str) -> Mapping[str, str]:
        """Return the tags of an EC2 resource."""
        return self._moto.tags(id)

    def group(self, name: str) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
        """Return an Auto Scaling group's ARN, tags and subnets."""
        found = self._groups.all.get(name)
        if found is None:
            return f"arn:aws:autoscaling:{self.region}:{self.account}:autoScalingGroup:*:autoScalingGroupName/{name}", {}, ()
        return found.arn, {key: value for key, (value, _) in found.tags.items()}, tuple(found.subnets)

    def group_of(self, instance_id: str) -> str:
        """Return the name of the group that an instance belongs to, or an empty text."""
        return next((group.name for group in self._groups.all.values() if instance_id in group.members), "")

    def balancing_tags(self, arn: str) -> Mapping[str, str]:
        """Return the tags of a load balancer, listener, rule or target group."""
        return dict(self._moto.elbv2.tagging_service.get_tag_dict_for_resource(arn))

    def template(self, reference: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Return the id and the data of a launch template's version; a template that does not exist has none."""
        try:
            template, version = resolve(self._templates, reference)
        except ApiError:
            return str(reference.get("LaunchTemplateId", "")), {}
        return template.id, version.data

    def owner(self, image_id: str) -> str:
        """Return the account that owns an image."""
        image = self._moto.ec2.amis.get(image_id)
        return str(image.owner_id) if image else ""

    def snapshots(self, image_id: str) -> tuple[str, ...]:
        """Return the snapshots of an image."""
        return snapshots_of(self._moto.ec2.amis.get(image_id))

    def role(self, profile: Mapping[str, Any]) -> str:
        """Return the ARN of the role in an instance profile, which the stand-in expects to have the profile's name."""
        name = profile.get("Name") or str(profile.get("Arn", "")).rpartition("/")[2]
        return f"arn:aws:iam::{self.account}:role/{name}"
