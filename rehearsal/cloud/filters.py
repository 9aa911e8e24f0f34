"""Filters of EC2's describe calls, for what we keep ourselves."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

T = TypeVar("T")


def tags_of(specifications: Sequence[Mapping[str, Any]], resource: str) -> dict[str, str]:
    """Return the tags of TagSpecifications for one type of resource."""
    return {
        tag["Key"]: tag.get("Value", "")
        for specification in specifications
        if specification.get("ResourceType") == resource
        for tag in specification.get("Tags", ())
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the API shows them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def matching(items: Sequence[T], filters: Sequence[Mapping[str, Any]], value: Callable[[T, str], Sequence[str]]) -> list[T]:
    """Keep the items of which every filter matches one value (`*` and `?` as in EC2)."""

    def passes(item: T, wanted: Mapping[str, Any]) -> bool:
        have = value(item, wanted["Name"])
        return any(fnmatchcase(value, pattern) for value in have for pattern in wanted.get("Values", ()))

    return [item for item in items if all(passes(item, wanted) for wanted in filters)]


def tag_values(tags: Mapping[str, str], name: str) -> list[str]:
    """Return what `tag:KEY` and `tag-key` filters compare with."""
    if name == "tag-key":
        return list(tags)
    key = name.removeprefix("tag:")
    return [tags[key]] if key in tags else []
