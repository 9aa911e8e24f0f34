"""Which releases' static files can no longer be requested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .answers import json_object

MARK = "ramped-releases:"


@dataclass(frozen=True)
class Archives:
    """The archived manifests beside the static root, as the management instance reports them."""

    at: Mapping[str, float]  # revision -> when it was deployed last, in seconds since the epoch
    now: float  # by the same clock
    token: str  # changes when an archive is added, removed or changed
    done: bool  # whether the requested pruning was carried out (or, dry, counted)
    files: int  # deleted, or in a dry run to be deleted
    size: int  # of those, bytes
    unlisted: tuple[str, ...] = ()  # kept releases of which it is not known what manifests of other tools name


@dataclass(frozen=True)
class Plan:
    """The archived releases that are kept and those that are retired."""

    kept: Mapping[str, str]  # revision -> why
    retired: tuple[str, ...]
    unaccounted: Mapping[str, str]  # needed releases without an archive: their files are unknown

    @property
    def problem(self) -> str | None:
        """Return why nothing may be deleted, or None."""
        if not self.unaccounted:
            return None
        who = "; ".join(f"{revision[:12]} ({why})" for revision, why in self.unaccounted.items())
        return (
            f"no archived manifest of {who}: which files are theirs is unknown. `deploy` archives one; "
            "an image that is no longer needed can be deregistered. Nothing was deleted"
        )


def plan(at: Mapping[str, float], needed: Mapping[str, str], *, newest: int, grace: float, now: float) -> Plan:
    """Return which releases are kept and which are retired.

    `at`: when each archived release was deployed; `needed`: revision -> what may still serve it; `newest`: how many of the newest
    are always kept; `grace`: seconds for which a release is kept after the next was deployed; `now`: as `at`.
    """
    order = sorted(at, key=lambda revision: (at[revision], revision))
    kept: dict[str, str] = {}
    for place, revision in enumerate(order):
        later = order[place + 1] if place + 1 < len(order) else None
        if revision in needed:
            kept[revision] = needed[revision]
        elif place >= len(order) - newest:
            kept[revision] = f"one of the newest {newest}"
        elif later is None or now - at[later] < grace:
            kept[revision] = f"superseded less than {grace / 86400:.3g} days ago"
    unaccounted = {revision: why for revision, why in needed.items() if revision not in at}
    return Plan(kept, tuple(revision for revision in order if revision not in kept), unaccounted)


def read_archives(printed: str) -> Archives | None:
    """Return the script's answer from everything the site printed; None without one."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    if not lines:
        return None
    answer = json_object(lines[-1].removeprefix(MARK))
    if answer is None or not {"at", "now", "token", "done", "files", "size"} <= set(answer):
        return None
    at = answer["at"]
    if not isinstance(at, dict) or not all(type(value) in (int, float) for value in (*at.values(), answer["now"])):
        return None
    unlisted = answer.get("unlisted")
    others = tuple(map(str, unlisted)) if isinstance(unlisted, list) else ()
    return Archives(at, answer["now"], answer["token"], answer["done"], answer["files"], answer["size"], others)
