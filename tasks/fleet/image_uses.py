"""The images of a site and everything that needs them: the groups, their rollouts, what can be rolled back to, and others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..aws import fleets, images, records, references, refreshes, tags
from ..aws.autoscaling import Group
from ..aws.images import Image
from ..decisions.release import image_pruning
from ..decisions.release.image_pruning import Plan, SiteImage, SiteSnapshot
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.versions import Candidate, previous
from ..errors import Refused
from ..runtime.run import Run
from .lock import lock_of
from .versions import known_versions

Named = dict[tuple[str, str], str]

# The purpose of a rollout's lock: the lock is held before the record of the rollout is written.
_PURPOSE = re.compile(r"to version (\d+)")


@dataclass(frozen=True)
class Seen:
    """Images and snapshots of the site, what needs them, and what follows from that.

    `blind`: why AWS's own list of references was not seen, or "".
    """

    images: tuple[SiteImage, ...]
    snapshots: tuple[SiteSnapshot, ...]
    plan: Plan
    orphans: tuple[str, ...]
    blind: str

    def gib(self) -> int:
        """Return the size of what is removed: the full volumes, of which snapshots hold only the blocks that changed."""
        gone = set(self.plan.removed)
        loose = sum(snapshot.gib for snapshot in self.snapshots if snapshot.id in self.orphans)
        return loose + sum(image.gib for image in self.images if image.id in gone)


def look(run: Run, keep: int) -> Seen:
    """Read the images of the site and everything that references one; `keep`: how many of the newest are kept anyway.

    The references are read after the images: what begins to use one meanwhile is seen. Raises Refused for a group without a
    launch template of its own, and where an image is named by a parameter that nobody may resolve.
    """
    cloud, site = run.cloud, {tags.SITE: run.settings.image.name}
    everything = images.owned(cloud)
    found = [_site_image(image) for image in everything if image.tags.get(tags.SITE) == run.settings.image.name]
    snapshots = images.snapshots(cloud, site)
    ids = [image.id for image in found]
    uses = list(references.of_instances(cloud, ids))
    named, templates = references.named_versions(cloud)
    own: set[str] = set()
    for name in run.settings.groups:
        fleet, group = fleets.observe(cloud, name)
        own.add(group.template)
        named |= _named(run, fleet, group, keep)
    examined = sorted({*templates, *own} - {""})
    versions = references.versions(cloud, examined)
    uses += image_pruning.of_versions(versions, own, named)
    uses += references.of_launch_configurations(cloud)
    more = references.of_anything(cloud, ids, examined)
    aliases = sorted({str(v.image) for v in versions if str(v.image).startswith("resolve:")})
    if isinstance(more, str) and aliases:
        raise Refused(
            f"templates name images by {', '.join(aliases)}, and DescribeImageReferences, which knows which, says: {more}"
        )
    uses += [] if isinstance(more, str) else more
    now = run.clock.now()
    return Seen(
        tuple(found),
        tuple(snapshots),
        image_pruning.plan(found, uses, newest=keep, now=now),
        image_pruning.orphans(
            snapshots, {id for i in everything for id in i.snapshots.values()}, {i.id for i in everything}, uses, now=now
        ),
        more if isinstance(more, str) else "",
    )


def _site_image(image: Image) -> SiteImage:
    return SiteImage(
        image.id,
        image.created,
        image.tags.get(tags.REVISION, ""),
        image.state,
        tuple(image.snapshots.values()),
        sum(image.sizes.values()),
        finished=tags.CLEAN in image.tags,
        retired=tags.RETIRED in image.tags,
        ours=image.name.startswith(f"{image.tags[tags.SITE]}-"),
    )


def _named(run: Run, fleet: Fleet, group: Group, keep: int) -> Named:
    """Return the versions of a group's template that are needed, with the reason; the most pressing reason first."""
    versions, live = known_versions(run.cloud, fleet, group)
    found: Named = {}
    for number, reason in (
        *_under_way(run, fleet, group),
        (live, f"{group.name} runs it"),
        *_returns(versions, live, keep, group.name),
        *((v.number, f"default version of {group.template}") for v in versions if v.default),
        *((v.number, f"latest version of {group.template}") for v in versions[:1]),
    ):
        found.setdefault((group.template, number), reason)
    return found


def _under_way(run: Run, fleet: Fleet, group: Group) -> Iterator[tuple[str, str]]:
    """Yield the versions between which a rollout goes."""
    try:
        known = (fleet.record, records.kept(run.cloud, group.name))
    except ValueError as error:
        raise Refused(f"{group.name}: the record of the rollout under way cannot be read: {error}") from error
    for record in known:
        if record:
            yield record.source, f"the rollout of {group.name} began with it"
            yield record.target, f"the rollout of {group.name} goes to it"
    refresh = refreshes.under_way(run.cloud, group.name)
    if refresh:
        yield refresh.version, f"an instance refresh of {group.name} goes to it"
    held = lock_of(run, group.name, "prune-images").held()
    for number in _PURPOSE.findall(held[0] if held else ""):
        yield number, f"a rollout of {group.name} goes to it"


def _returns(versions: list[Candidate], live: str, keep: int, name: str) -> Iterator[tuple[str, str]]:
    """Yield the versions that can be rolled back to: the one before, and the newest that served."""
    before = previous(versions, live)
    if before:
        yield before.number, f"{name} can be rolled back to it"
    for version in [v for v in versions if v.served and v.exists][:keep]:
        yield version.number, f"one of the newest {keep} that served in {name}"
