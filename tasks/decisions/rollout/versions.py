"""Which launch template versions can be rolled back to, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import Refused
from ..release.records import Released
from .outcomes import SERVED
from .snapshot import Fleet

# Versions that differ only in these still launch the same kind of instance.
_IMAGE = ("ImageId", "BlockDeviceMappings")
# A shorter text is rather a mistyped version number than the beginning of a revision.
_SHORTEST = 4


@dataclass(frozen=True)
class Candidate:
    """One version of a launch template with the state of its image."""

    number: str
    revision: str | None  # None: the version is not ours
    image: str
    exists: bool = True  # the image does
    at: str = ""  # when it was baked
    by: str = ""
    default: bool = False
    outcome: str = ""  # its outcome, and when; "" where that was never recorded
    released: Released | None = None  # its last rollout
    waiting: str = ""  # the tag that names the contracting migrations which its code does without
    outdated: str = ""  # its code needs what `contract` has taken out of the database: when, and for which revision

    @property
    def served(self) -> bool:
        """Return whether its recorded outcome is that every instance served it."""
        return self.outcome.startswith(SERVED)

    def __str__(self) -> str:
        return f"{self.number} ({(self.revision or 'not ours')[:12]})"


def live(fleet: Fleet, named: str) -> str:
    """Return the number of the version that counts as live; `named`: what the group's reference resolves to.

    A group that follows $Latest names a version as soon as it is baked: there the version that most instances run is live.
    """
    running = [i.version for i in fleet.members if i.version.isdecimal()]
    if not fleet.version.startswith("$") or not running:
        return named
    return max(set(running), key=lambda version: (running.count(version), int(version)))


def previous(candidates: Sequence[Candidate], live: str) -> Candidate | None:
    """Return the newest version of ours before the live one that served and whose image still exists.

    Where none is recorded as served, the newest without a record; never a version that failed or was rolled back, nor
    that does not fit the database any more.
    """
    fit = [c for c in candidates if c.revision and c.exists and not c.outdated]
    older = [c for c in fit if int(c.number) < int(live) and (c.served or not c.outcome)]
    return max(older, key=lambda c: (c.served, int(c.number)), default=None)


def choose(candidates: Sequence[Candidate], live: str, to: str | None) -> Candidate:
    """Return the version to roll back to.

    `to`: a version number or a revision, which may be shortened; None for the version before the live one. A revision that was
    baked several times means its newest version whose image exists. Raises Refused with the choices.
    """
    if to is None:
        found = previous(candidates, live)
        if found is None:
            older = [c for c in candidates if c.outdated and c.exists and int(c.number) < int(live)]
            why = f" (version {older[0]}: {outdated_message(older[0].outdated)})" if older else ""
            raise Refused(
                f"no version of ours before {live} has served and has its image still{why}; {_choices(candidates, live)}"
            )
        return found
    meant = [c for c in candidates if c.number == to] or _of_revision(candidates, to)
    if not meant:
        raise Refused(f"no version or revision {to}; {_choices(candidates, live)}")
    if len({c.revision for c in meant}) > 1:
        raise Refused(f"ambiguous: {to} matches {', '.join(map(str, meant))}; give more characters")
    bootable = [c for c in meant if c.exists]
    if not bootable:
        raise Refused(f"image {meant[0].image} of version {meant[0]} is gone; {_choices(candidates, live)}")
    found = max(bootable, key=lambda c: int(c.number))
    if found.outdated:
        raise Refused(f"version {found}: {outdated_message(found.outdated)}; {_choices(candidates, live)}")
    return found


def as_outdated(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the versions, those of others that are older than an outdated one marked too: what code they boot is unknown."""
    newest = max((c for c in candidates if c.outdated), key=lambda c: int(c.number), default=None)
    if newest is None:
        return list(candidates)
    return [
        replace(c, outdated=newest.outdated) if c.revision is None and int(c.number) < int(newest.number) else c
        for c in candidates
    ]


def outdated_message(outdated: str) -> str:
    """Return why a version can no longer serve; `outdated`: the tag of its image."""
    return (
        f"its code needs what `contract` has taken out of the database ({outdated}). Bring the database back first, and remove"
        " the image's tag ramped:outdated"
    )


def revision_between(candidates: Sequence[Candidate], live: str, wanted: str) -> str:
    """Return the revision that a version number or the beginning of a revision means, whether its image exists or not.

    Raises Refused with the choices.
    """
    meant = [c for c in candidates if c.number == wanted] or _of_revision(candidates, wanted)
    found = sorted({c.revision for c in meant if c.revision})
    if len(found) != 1:
        raise Refused(f"{'ambiguous: ' if found else 'no release of ours: '}{wanted}; {_choices(candidates, live)}")
    return found[0]


def _of_revision(candidates: Sequence[Candidate], to: str) -> list[Candidate]:
    begun = to.lower()
    return [c for c in candidates if len(to) >= _SHORTEST and c.revision and c.revision.startswith(begun)]


def _choices(candidates: Sequence[Candidate], live: str) -> str:
    there = ", ".join(str(c) for c in candidates if c.exists and not c.outdated and c.number != live)
    return f"there are: {there or 'no others'}"


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Return the parameters that another version sets and ours does not, images apart; user data only by name."""
    found = []
    for key in sorted({*theirs, *ours} - set(_IMAGE)):
        if theirs.get(key) != ours.get(key):
            plain = all(isinstance(data.get(key, ""), str | int | bool) for data in (theirs, ours)) and key != "UserData"
            found.append(f"{key} {theirs.get(key, 'none')}, not {ours.get(key, 'none')}" if plain else key)
    return found
