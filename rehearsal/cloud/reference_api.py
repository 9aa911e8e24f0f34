"""What references an image: EC2's own answer to that, and launch configurations, which only Auto Scaling knows.

Source: EC2 user guide, "How AMI reference checks work". Not modelled: recipes of Image Builder.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import ApiError
from .moto_state import MotoState
from .paging import page
from .templates import Templates

Params = Mapping[str, Any]


class ReferenceApi:
    """Answer DescribeImageReferences, for instances, launch templates and SSM parameters."""

    def __init__(self, moto: MotoState, templates: Templates) -> None:
        self._moto = moto
        self._templates = templates
        self.actions = {"DescribeImageReferences": self.describe}

    def describe(self, params: Params) -> Any:
        """List the references to images, resource by resource."""
        wanted = params.get("ResourceTypes", ())
        if not params.get("IncludeAllResourceTypes") and not wanted:
            raise ApiError("MissingParameter", "Either IncludeAllResourceTypes or ResourceTypes must be specified.")
        options = {
            (kind["ResourceType"], option["OptionName"]): option["OptionValues"]
            for kind in wanted
            for option in kind.get("ResourceTypeOptions", ())
        }
        depth = int(options.get(("ec2:LaunchTemplate", "version-depth"), ["10"])[0])
        asked = set(params["ImageIds"])
        found = [
            {"ImageId": image, "ResourceType": kind, "Arn": arn}
            for image, kind, arn in (*self._instances(), *self._of_templates(depth), *self._parameters())
            if image in asked
        ]
        shown, token = page(found, params, 1000, "MaxResults")
        return {"ImageReferences": shown, "NextToken": token}

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._moto.region}:{self._moto.account}:{resource}"

    def _instances(self) -> Iterator[tuple[str, str, str]]:
        for id, instance in self._moto.instances.items():
            yield instance.image_id, "ec2:Instance", self._arn("ec2", f"instance/{id}")

    def _of_templates(self, depth: int) -> Iterator[tuple[str, str, str]]:
        for template in self._templates.all():
            newest = sorted(template.versions, reverse=True)[:depth]
            for image in {str(template.versions[number].data.get("ImageId", "")) for number in newest}:
                yield image, "ec2:LaunchTemplate", self._arn("ec2", f"launch-template/{template.id}")

    def _parameters(self) -> Iterator[tuple[str, str, str]]:
        for name, value in self._moto.parameters().items():
            yield value, "ssm:Parameter", self._arn("ssm", f"parameter/{name.lstrip('/')}")


class LaunchConfigurationApi:
    """Launch configurations that are left from earlier: kept and shown. No group of the stand-in launches from one."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}
        self.actions = {"CreateLaunchConfiguration": self.create, "DescribeLaunchConfigurations": self.describe}

    def create(self, params: Params) -> Any:
        """Keep a launch configuration."""
        self._found[params["LaunchConfigurationName"]] = dict(params)
        return {}

    def describe(self, params: Params) -> Any:
        """List them."""
        shown, token = page(list(self._found.values()), params, 100, "MaxRecords")
        return {"LaunchConfigurations": shown, "NextToken": token}
