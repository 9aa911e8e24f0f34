"""The outcome of a release: a tag of its image, where every colleague sees it (template versions carry no tags)."""

from __future__ import annotations

import time

from .groups import Progress

TAG = "ramped:outcome"
SERVED, ROLLED_BACK, FAILED = "served", "rolled back", "failed smoke boot"


def value(outcome: str, now: float) -> str:
    """Return the tag's value; `now` in epoch seconds."""
    return f"{outcome} {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(now))}"


def outcomes(progress: Progress, source: str, target: str) -> dict[str, str]:
    """Return the outcome of each template version after the rollout from `source` to `target`."""
    if progress is Progress.RETURNED:
        return {target: ROLLED_BACK}
    if progress is not Progress.OVER:
        return {}
    backwards = source.isdecimal() and target.isdecimal() and int(target) < int(source)
    return {target: SERVED} | ({source: ROLLED_BACK} if backwards else {})
