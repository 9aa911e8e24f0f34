"""The context keys that tags bring with them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Keys = dict[str, str | Sequence[str]]


def of_resource(tags: Mapping[str, str], *prefixes: str) -> Keys:
    """Return aws:ResourceTag/… of a resource; `prefixes`: those of the service itself besides, such as ec2:ResourceTag."""
    return {f"{prefix}/{key}": value for prefix in ("aws:ResourceTag", *prefixes) for key, value in tags.items()}


def of_request(tags: Mapping[str, str]) -> Keys:
    """Return aws:RequestTag/… and aws:TagKeys of tags that a request sets; without tags there are no such keys."""
    named: Keys = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    return named | {"aws:TagKeys": list(tags)} if tags else {}


def pairs(tags: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return a list of Key and Value as a mapping."""
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags or ()}


def specified(specifications: Iterable[Mapping[str, Any]] | None, kind: str) -> dict[str, str]:
    """Return the tags of TagSpecifications for a kind of resource."""
    found: dict[str, str] = {}
    for specification in specifications or ():
        if specification.get("ResourceType") == kind:
            found |= pairs(specification.get("Tags"))
    return found
