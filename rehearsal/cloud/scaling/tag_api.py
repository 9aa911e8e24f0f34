"""Auto Scaling's calls about the tags of groups."""

from collections.abc import Mapping
from typing import Any

from ..consistency import Consistency
from ..errors import invalid
from ..paging import page
from .describe import tag_descriptions
from .groups import Groups
from .state import Group

Params = Mapping[str, Any]


class TagApi:
    """Create, update, delete and list tags."""

    def __init__(self, groups: Groups, consistency: Consistency) -> None:
        self._groups = groups
        self._consistency = consistency
        self.actions = {"CreateOrUpdateTags": self.put, "DeleteTags": self.delete, "DescribeTags": self.describe}

    def _group(self, tag: Params) -> Group:
        if tag.get("ResourceType", "auto-scaling-group") != "auto-scaling-group":
            raise invalid(f"Invalid resource type: {tag['ResourceType']}")
        return self._groups.find(tag["ResourceId"])

    def put(self, params: Params) -> Any:
        """Set all tags, or none where any is refused."""
        groups = [self._group(tag) for tag in params["Tags"]]
        for group, tag in zip(groups, params["Tags"], strict=True):
            if tag["Key"].startswith("aws:"):
                raise invalid("Tag keys starting with 'aws:' are reserved for internal use")
            if len(group.tags) >= 50 and tag["Key"] not in group.tags:
                raise invalid("A group can have 50 tags at most.")
        for group, tag in zip(groups, params["Tags"], strict=True):
            before = group.tags.get(tag["Key"])
            group.tags[tag["Key"]] = (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch")))
            self._consistency.changed(group.tags, tag["Key"], before)
        return {}

    def delete(self, params: Params) -> Any:
        """Remove tags; if a value is named, only where it matches."""
        for tag in params["Tags"]:
            tags = self._group(tag).tags
            if tag["Key"] in tags and tag.get("Value") in (None, "", tags[tag["Key"]][0]):
                before = tags.pop(tag["Key"])
                self._consistency.changed(tags, tag["Key"], before)
        return {}

    def describe(self, params: Params) -> Any:
        """List the tags of all groups, or those that match the filters."""
        found = [tag for group in self._groups.all.values() for tag in tag_descriptions(group)]
        keys = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value", "propagate-at-launch": "PropagateAtLaunch"}
        for wanted in params.get("Filters", ()):
            name = keys[wanted["Name"]]
            found = [tag for tag in found if str(tag[name]).lower() in [value.lower() for value in wanted.get("Values", ())]]
        shown, token = page(found, params, 100)
        return {"Tags": shown, "NextToken": token}
