"""Which launch template versions can be rolled back to, and which of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import Refused
from .snapshot import Fleet

# Shorter ones are rather a mistyped version number than the beginning of a revision.
_SHORTEST = 4


@dataclass(frozen=True)
class Candidate:
    """One version of a launch template with what is left of its image."""

    number: str
    revision: str | None  # None: the version is not ours
    image: str
    exists: bool = True  # the image does
    at: str = ""  # when it was baked
    by: str = ""
    default: bool = False

    def __str__(self) -> str:
        return f"{self.number} ({(self.revision or 'not ours')[:12]})"


def live(fleet: Fleet, named: str) -> str:
    """Return the number of the version that counts as live; `named`: what the group's reference resolves to.

    A group that follows $Latest names a version as soon as it is baked: there it is the one that most instances run.
    """
    running = [i.version for i in fleet.members if i.version.isdecimal()]
    if not fleet.version.startswith("$") or not running:
        return named
    return max(set(running), key=lambda version: (running.count(version), int(version)))


def previous(candidates: Sequence[Candidate], live: str) -> Candidate | None:
    """Return the newest version of ours before the live one whose image still exists."""
    older = [c for c in candidates if c.revision and c.exists and int(c.number) < int(live)]
    return max(older, key=lambda c: int(c.number), default=None)


def choose(candidates: Sequence[Candidate], live: str, to: str | None) -> Candidate:
    """Return the version to roll back to.

    `to`: a version number or a revision, which may be shortened; None for the one before the live one. A revision that was
    baked several times means its newest version whose image exists. Raises Refused with the choices.
    """
    if to is None:
        found = previous(candidates, live)
        if found is None:
            raise Refused(f"no version of ours before {live} has its image still; {_choices(candidates, live)}")
        return found
    meant = [c for c in candidates if c.number == to] or _of_revision(candidates, to)
    if not meant:
        raise Refused(f"no version or revision {to}; {_choices(candidates, live)}")
    if len({c.revision for c in meant}) > 1:
        raise Refused(f"ambiguous: {to} matches {', '.join(map(str, meant))}; give more characters")
    bootable = [c for c in meant if c.exists]
    if not bootable:
        raise Refused(f"image {meant[0].image} of version {meant[0]} is gone; {_choices(candidates, live)}")
    return max(bootable, key=lambda c: int(c.number))


def _of_revision(candidates: Sequence[Candidate], to: str) -> list[Candidate]:
    begun = to.lower()
    return [c for c in candidates if len(to) >= _SHORTEST and c.revision and c.revision.startswith(begun)]


def _choices(candidates: Sequence[Candidate], live: str) -> str:
    there = ", ".join(str(c) for c in candidates if c.exists and c.number != live)
    return f"there are: {there or 'no others'}"
