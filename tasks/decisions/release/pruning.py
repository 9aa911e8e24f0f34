"""Which releases' static files nobody can be asked for any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..answers import json_object

MARK = "ramped-releases:"


@dataclass(frozen=True)
class Archives:
    """The archived manifests beside the static root, as the management instance told them."""

    at: Mapping[str, float]  # revision -> when it was deployed last, in seconds since the epoch
    now: float  # by the same clock
    token: str  # another one when an archive has come, gone or changed
    done: bool  # whether the pruning that was asked for took place (or, dry, was counted)
    files: int  # deleted, or in a dry run to be deleted
    size: int  # of those, bytes


@dataclass(frozen=True)
class Plan:
    """What is to become of each archived release."""

    kept: Mapping[str, str]  # revision -> why
    retired: tuple[str, ...]
    unaccounted: Mapping[str, str]  # needed releases without an archive: their files cannot be told from others

    @property
    def refusal(self) -> str | None:
        """Return why nothing may be deleted at all, or None."""
        if not self.unaccounted:
            return None
        who = "; ".join(f"{revision[:12]} ({why})" for revision, why in self.unaccounted.items())
        return (
            f"no archived manifest of {who}: which files are theirs is unknown. `deploy` archives one; "
            "an image that is no longer needed can be deregistered. Nothing was deleted"
        )


def plan(at: Mapping[str, float], needed: Mapping[str, str], *, newest: int, grace: float, now: float) -> Plan:
    """Return what is kept and what is retired.

    `at`: when each archived release was deployed; `needed`: revision -> who may serve it still; `newest`: how many of the newest
    are kept in any case; `grace`: seconds for which a release is kept after another one was deployed; `now`: as `at`.
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
    """Find the answer of the script among whatever else the site printed; None when it is not there."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    if not lines:
        return None
    told = json_object(lines[-1].removeprefix(MARK))
    if told is None or not {"at", "now", "token", "done", "files", "size"} <= set(told):
        return None
    return Archives(told["at"], told["now"], told["token"], told["done"], told["files"], told["size"])
