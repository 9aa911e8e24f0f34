"""What is to be launched: everything that a template, a call and a group say, put together."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError


@dataclass(frozen=True)
class Order:
    """What is to be launched, everything resolved."""

    image_id: str
    instance_type: str
    subnet_id: str
    user_data: str = ""  # base64, as in the API
    tags: Mapping[str, str] = field(default_factory=dict)
    volume_tags: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    key_name: str | None = None
    mappings: Sequence[Mapping[str, Any]] = ()
    profile: Mapping[str, str] = field(default_factory=dict)
    private_ip: str | None = None
    client_token: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    keep: bool = False  # DisableApiTermination
    keep_running: bool = False  # DisableApiStop
    spot: str | None = None  # one-time | persistent
    public: bool | None = None  # AssociatePublicIpAddress; None: as the subnet has it


def check_keys(tags: Mapping[str, str]) -> None:
    """Raise ApiError for a tag whose key cannot be a part of a path: EC2 launches nothing then that shows its tags."""
    for key in tags:
        if not re.fullmatch(r"[0-9a-zA-Z\-_+=,.@:]{1,255}", key) or key in (".", "..", "_index"):
            pattern = "([0-9a-zA-Z\\-_+=,.@:]{1,255}), and must not be a reserved name ('.', '..', '_index')"
            raise ApiError("InvalidParameterValue", f"'{key}' is not a valid tag key. Tag keys must match pattern {pattern}")


def devices(image: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lay the requested block devices over the image's, device by device, as EC2 does."""
    found = {mapping["DeviceName"]: dict(mapping.get("Ebs", {})) for mapping in image}
    for mapping in asked:
        if "NoDevice" in mapping:
            found.pop(mapping["DeviceName"], None)
        elif "Ebs" in mapping:
            found[mapping["DeviceName"]] = {**found.get(mapping["DeviceName"], {}), **mapping["Ebs"]}
    return [{"DeviceName": name, "Ebs": ebs} for name, ebs in found.items()]
