"""Answers of other programs, parsed so that nothing in them can stop a run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_REVISION = re.compile(r"[0-9a-f]{40}")


def json_object(text: str | bytes) -> Mapping[str, Any] | None:
    """Return the JSON object in a text, or None for anything else, too deep nesting included."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def revision(value: object) -> str | None:
    """Return a full commit id, or None for anything else."""
    return value if isinstance(value, str) and _REVISION.fullmatch(value) else None
