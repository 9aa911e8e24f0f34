"""Which paths to invalidate in CloudFront, and in what batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from ...errors import SettingsError

# CloudFront allows 3,000 paths in progress at once, or 15 wildcards; more files than that are cheaper as one wildcard.
BATCH = 3000


def url_paths(paths: Sequence[str]) -> list[str]:
    """Return paths as CloudFront expects them.

    Raises SettingsError for a path without a leading slash, or with a wildcard before its end.
    """
    for path in paths:
        if not path.startswith("/") or "*" in path[:-1]:
            raise SettingsError(
                f"--path: found {path}; allowed: a path from the root, such as /static/app.css, with * at its end only"
            )
    return sorted(set(paths))


def batches(paths: Sequence[str], below: str) -> list[list[str]]:
    """Return the paths in batches, percent-encoded; too many become everything below a path."""
    if len(paths) > BATCH:
        return [[below + "*"]]
    return [[quote(path, safe="/*%~._-+=@:,!$&'()", errors="surrogateescape") for path in paths]]


def reference(paths: Sequence[str], moment: int) -> str:
    """Return a caller reference: a retried request is the same invalidation, a later request a new one."""
    digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16]
    return f"ramped-{moment}-{digest}"
