"""What speaks against a release before it begins: findings about groups, hosts and the site, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..answers import json_object

MARK = "ramped-site:"
ROOM = 1024**3  # bytes that a release should find free

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str  # a group, an instance, or the site
    level: Level
    text: str


@dataclass(frozen=True)
class SiteFacts:
    """What the site itself says of its static files and its disk."""

    static_url: str
    static_root: str
    writable: bool
    in_checkout: bool
    free_static: int
    free_checkout: int


def read_facts(printed: str) -> SiteFacts | None:
    """Find the answer of the script among whatever else the site printed; None when it is not there."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    answer: Mapping[str, Any] | None = json_object(lines[-1].removeprefix(MARK)) if lines else None
    if answer is None or set(answer) != set(SiteFacts.__dataclass_fields__):
        return None
    return SiteFacts(**answer)


def of_site(about: str, facts: SiteFacts) -> list[Finding]:
    """Return what the site's static files and disk mean for a release."""
    found = []
    if not facts.static_root:
        found.append(Finding(about, "problem", "STATIC_ROOT is not set: collectstatic has nowhere to put the static files"))
    elif not facts.writable:
        found.append(Finding(about, "problem", f"STATIC_ROOT {facts.static_root} cannot be written: chown it to ssh.user"))
    elif facts.in_checkout:
        found.append(
            Finding(
                about,
                "problem",
                f"STATIC_ROOT {facts.static_root} lies in the checkout, which no web instance shares: move it to the shared disk",
            )
        )
    else:
        found.append(Finding(about, "ok", f"STATIC_ROOT {facts.static_root} can be written"))
    for what, free in (("STATIC_ROOT", facts.free_static), ("the checkout", facts.free_checkout)):
        level: Level = "warning" if free < ROOM else "ok"
        found.append(Finding(about, level, f"{free / ROOM:.1f} GiB are free for {what}"))
    return found


def worst(findings: Sequence[Finding]) -> Level:
    """Return the worst level."""
    levels = {finding.level for finding in findings}
    return "problem" if "problem" in levels else "warning" if "warning" in levels else "ok"
