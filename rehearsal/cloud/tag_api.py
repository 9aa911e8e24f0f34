"""EC2's calls that change tags; describing them is moto's."""

from collections.abc import Mapping
from typing import Any

from moto.ec2.models import validate_resource_ids

from .consistency import Consistency
from .errors import ApiError
from .moto_state import MotoState
from .templates import Templates

Params = Mapping[str, Any]


class TagApi:
    """Set and remove tags of EC2's resources."""

    def __init__(self, moto: MotoState, templates: Templates, consistency: Consistency) -> None:
        self._moto = moto
        self._templates = templates
        self._consistency = consistency
        self.actions = {"CreateTags": self.create, "DeleteTags": self.delete}
        self.checks = {"CreateTags": self._existing}

    def _existing(self, params: Params) -> list[str]:
        resources = list(params["Resources"])
        validate_resource_ids(resources)
        for one in resources:
            if one.startswith("lt-"):
                self._templates.find(one, None)
            elif one.startswith("i-") and self._moto.instance(one) is None:
                raise ApiError("InvalidInstanceID.NotFound", f"The instance ID '{one}' does not exist")
        self._moto.ec2.do_resources_exist([one for one in resources if not one.startswith("lt-")])
        return resources

    def create(self, params: Params) -> Any:
        """Set tags; those of the same keys are overwritten."""
        resources = self._existing(params)
        before = {one: self._moto.tags(one) for one in resources}
        self._moto.ec2.create_tags(resources, {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]})
        self._note(before)
        return {}

    def delete(self, params: Params) -> Any:
        """Remove tags: of a key, or of a key with this value only; without any named, all that are not AWS's own."""
        resources = list(params["Resources"])
        validate_resource_ids(resources)
        before = {one: self._moto.tags(one) for one in resources}
        for one in resources:
            own = {key: None for key in before[one] if not key.startswith("aws:")}
            named = {tag["Key"]: tag.get("Value") for tag in params.get("Tags") or ()}
            self._moto.ec2.delete_tags([one], named or own)
        self._note(before)
        return {}

    def _note(self, before: Mapping[str, Mapping[str, str]]) -> None:
        for one, tags in before.items():
            self._consistency.changed(self._moto.ec2.tags, one, tags)
