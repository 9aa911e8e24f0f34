"""Which images of a site are needed, by everything that references them, and which can be removed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

RETIRED = "ramped:retired"  # tag: see aws/tags.py
_PENDING = "pending"
_MADE_BY = re.compile(r"Created by CreateImage\(i-[0-9a-f]+\) for (ami-[0-9a-f]+)\b")
# Seconds for which an unfinished image or a snapshot without an image may belong to a run that is making it.
_YOUNG = 86400.0


@dataclass(frozen=True)
class SiteImage:
    """An image with our tag."""

    id: str
    created: str  # as EC2 says it, ISO 8601
    revision: str
    state: str
    snapshots: tuple[str, ...]
    gib: int  # of its volumes
    finished: bool  # its bake was completed
    retired: bool = False  # a run has begun to remove it
    ours: bool = True  # its name, which nobody can change, is one of bake-ami's


@dataclass(frozen=True)
class SiteSnapshot:
    """A snapshot with our tag."""

    id: str
    started: float  # seconds since the epoch
    state: str
    description: str
    gib: int


@dataclass(frozen=True)
class Use:
    """Something that needs images or snapshots; `what`: for people."""

    what: str
    images: frozenset[str] = frozenset()
    snapshots: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TemplateVersion:
    """A launch template version as far as it references something; `ours`: `bake-ami` made it."""

    template: str
    number: str
    ours: bool
    image: str
    snapshots: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """The images that are kept, each with a reason, and those that are removed, oldest first."""

    kept: Mapping[str, str]
    removed: tuple[str, ...]
    back: tuple[str, ...] = field(default=())  # retired by an earlier run, and needed again


def plan(images: Sequence[SiteImage], uses: Sequence[Use], *, newest: int, now: float) -> Plan:
    """Return which images are kept and which are removed.

    `newest`: how many finished images are always kept; `now`: seconds since the epoch.
    """
    order = sorted(images, key=lambda image: (image.created, image.id))
    finished = [image.id for image in order if image.ours and image.finished and image.state == "available"]
    recent = set(finished[-newest:])
    kept: dict[str, str] = {}
    for image in order:
        if not image.ours:
            kept[image.id] = "bake-ami did not name it: somebody gave it the site's tag"
        elif reason := _used(image, uses):
            kept[image.id] = reason
        elif image.state == _PENDING:
            kept[image.id] = "is being made"
        elif image.id in recent:
            kept[image.id] = f"one of the newest {newest}"
        elif not image.finished and now - epoch(image.created) < _YOUNG:
            kept[image.id] = "its bake may still run"
    removed = tuple(image.id for image in order if image.id not in kept)
    return Plan(kept, removed, tuple(image.id for image in order if image.retired and image.id in kept))


def _used(image: SiteImage, uses: Sequence[Use]) -> str:
    # Deregistering deletes the snapshots too: a version may pin one of an image that it does not boot.
    mine = set(image.snapshots)
    return next((use.what for use in uses if image.id in use.images or mine & use.snapshots), "")


def of_versions(versions: Sequence[TemplateVersion], own: Collection[str], named: Mapping[tuple[str, str], str]) -> list[Use]:
    """Return what template versions need.

    `own`: the templates of the site's groups, of which a version of ours counts only where it is `named`, by template and number
    with the reason; versions of others, and those of other templates, always count.
    """
    found = []
    for version in versions:
        reason = named.get((version.template, version.number))
        if reason is None and version.template in own and version.ours:
            continue
        what = reason or f"version {version.number} of {version.template}, which is not ours"
        found.append(Use(what, frozenset({version.image}), version.snapshots))
    return found


def orphans(
    snapshots: Sequence[SiteSnapshot], mapped: Collection[str], existing: Collection[str], uses: Sequence[Use], *, now: float
) -> tuple[str, ...]:
    """Return the snapshots whose image is gone: somebody deregistered it and left them, or a removal was cut off.

    `mapped`: snapshots that any image of the account holds; `existing`: the images there are; `now`: seconds since the epoch.
    """
    used = {id for use in uses for id in use.snapshots}
    return tuple(
        snapshot.id
        for snapshot in snapshots
        if snapshot.id not in mapped
        and snapshot.id not in used
        and snapshot.state == "completed"
        and now - snapshot.started >= _YOUNG
        # Of a CreateImage, by the description that EC2 gave it: a copy, or the backup of a volume, may have got the site's tag.
        and (made := _MADE_BY.match(snapshot.description)) is not None
        # While an image is pending EC2 may not name its snapshots yet; their description names it.
        and made[1] not in existing
    )


def epoch(created: str) -> float:
    """Return a time of EC2 in seconds since the epoch; 0 where there is none."""
    try:
        return datetime.fromisoformat(created.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0
