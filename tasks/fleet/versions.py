"""The versions of a group's launch template: which can be rolled back to, and which is live."""

from __future__ import annotations

from collections.abc import Iterator

from ..aws import images, launch_templates, tags
from ..aws.autoscaling import Group
from ..aws.launch_sources import require_template
from ..aws.launch_templates import Version
from ..decisions.release.image_names import revision_of
from ..decisions.release.records import read
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.versions import Candidate, as_outdated, differences, live
from ..runtime.cloud import Cloud


def known_versions(cloud: Cloud, fleet: Fleet, group: Group) -> tuple[list[Candidate], str]:
    """Return the versions of the group's template, newest first, and the number of the live one."""
    versions = launch_templates.versions(cloud, require_template(group.name, group.source))
    there = images.existing(cloud, sorted({v.image for v in versions if v.image}))
    found = []
    for v in versions:
        image = there.get(v.image)
        own = image.tags if image else {}
        by, at, exists = own.get(tags.BY, ""), own.get(tags.AT, ""), image is not None and image.usable
        outcome, released = own.get(tags.OUTCOME, ""), read(own.get(tags.RELEASE, ""))
        revision, stages = revision_of(v.description), (own.get(tags.WAITING, ""), own.get(tags.OUTDATED, ""))
        found.append(Candidate(v.number, revision, v.image, exists, at, by, v.default, outcome, released, *stages))
    named = launch_templates.version(cloud, group.template, group.version).number
    return as_outdated(found), live(fleet, named)


def foreign_versions(cloud: Cloud, ours: Version) -> Iterator[str]:
    """Yield a warning for each newer version of the template that `bake-ami` did not make."""
    for v in launch_templates.versions(cloud, ours.template):
        if int(v.number) <= int(ours.number) or revision_of(v.description):
            continue
        changed = differences(v.data, ours.data)
        by = f" by {v.by}" if v.by else ""
        other = f"; it changes {', '.join(changed)}, which version {ours.number} does not have" if changed else ""
        yield f"version {v.number} was made{by}{f' at {v.at}' if v.at else ''}, not by `bake-ami`, and is passed over{other}"
