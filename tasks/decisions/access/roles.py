"""Which instance runs the jobs that must run once: the instance whose metadata shows the management tag.

Source: EC2 User Guide, "View tags for your EC2 instances using instance metadata".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_KEY = re.compile(r"[0-9a-zA-Z\-_+=,.@:]{1,255}")
_OPTIONS = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "HttpProtocolIpv6", "InstanceMetadataTags")


def tags_of(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that a template version sets on its instances."""
    of_instances = (spec for spec in data.get("TagSpecifications", []) if spec.get("ResourceType") == "instance")
    return {tag["Key"]: tag.get("Value", "") for spec in of_instances for tag in spec.get("Tags", [])}


def metadata(data: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the metadata options with which an instance of a version sees its tags; None where EC2 rejects that."""
    if _wrong({**tags_of(data), **tags}):
        return None
    # Options of a launch may replace those of the template as a whole.
    there = {key: value for key, value in data.get("MetadataOptions", {}).items() if key in _OPTIONS}
    return {**there, "InstanceMetadataTags": "enabled"}


def unfit(tags: Iterable[str]) -> str:
    """Return why an instance with these tag keys cannot see its tags, or ""."""
    return (
        f"tags {', '.join(_wrong(tags))}: with such a key (not of letters, digits and + - = . , _ : @) EC2 shows an instance "
        "none of its tags, so it takes itself for a web instance and runs no jobs"
    )


def hidden(id: str) -> str:
    """Return a warning that an instance cannot see its tags, with the fix."""
    return (
        f"{id} cannot see its tags, so it takes itself for a web instance and runs none of the jobs that run once: "
        f"aws ec2 modify-instance-metadata-options --instance-id {id} --instance-metadata-tags enabled, and reboot it"
    )


def passed_on(data: Mapping[str, Any], group: Iterable[tuple[str, str]], management: str) -> list[str]:
    """Return the problems with the tags of new instances.

    `data`: of their template version; `group`: the tags that their group propagates; `management`: key=value of the
    management instance.
    """
    tags = {**tags_of(data), **dict(group)}
    key, _, value = management.partition("=")
    found = []
    if tags.get(key) == value:
        found.append(f"its instances are tagged {management}, so each would run the jobs that must run once: remove the tag")
    if data.get("MetadataOptions", {}).get("InstanceMetadataTags") == "enabled" and _wrong(tags):
        names = ", ".join(_wrong(tags))
        found.append(
            f"EC2 launches nothing with the tags {names} that shows its tags (MetadataOptions of the template): rename them"
        )
    return found


def _wrong(keys: Iterable[str]) -> list[str]:
    return sorted(key for key in keys if not _KEY.fullmatch(key) or key in (".", "..", "_index"))
