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
        for id in resources:
            if id.startswith("lt-"):
                self._templates.find(id, None)
            elif id.startswith("i-") and self._moto.instance(id) is None:
                raise ApiError("InvalidInstanceID.NotFound", f"The instance ID '{id}' does not exist")
        self._moto.ec2.do_resources_exist([id for id in resources if not id.startswith("lt-")])
        return resources

    def create(self, params: Params) -> Any:
        """Set tags; those of the same keys are overwritten."""
        resources = self._existing(params)
        before = {id: self._moto.tags(id) for id in resources}
        self._moto.ec2.create_tags(resources, {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]})
        self._note(before)
        return {}

    def delete(self, params: Params) -> Any:
        """Remove tags: of a key, or of a key with this value only; without any named, all that are not AWS's own."""
        resources = list(params["Resources"])
        validate_resource_ids(resources)
        before = {id: self._moto.tags(id) for id in resources}
        for id in resources:
            own = {key: None for key in before[id] if not key.startswith("aws:")}
            named = {tag["Key"]: tag.get("Value") for tag in params.get("Tags") or ()}
            self._moto.ec2.delete_tags([id], named or own)
        self._note(before)
        return {}

    def _note(self, before: Mapping[str, Mapping[str, str]]) -> None:
        for id, tags in before.items():
            self._consistency.changed(self._moto.ec2.tags, id, tags)
