"""The versions of a group's launch template: which can be rolled back to, and which is live."""

from __future__ import annotations

from ..aws import images, launch_templates
from ..aws.autoscaling import Group
from ..decisions.release.image_names import revision_of
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.versions import Candidate, live
from ..errors import Refused
from ..runtime.cloud import Cloud


def known_versions(cloud: Cloud, fleet: Fleet, group: Group) -> tuple[list[Candidate], str]:
    """Return the versions of the group's template, newest first, and the number of the live one."""
    if not group.template:
        raise Refused(f"{group.name} has no launch template of its own: there are no versions to choose from")
    versions = launch_templates.versions(cloud, group.template)
    there = images.existing(cloud, sorted({v.image for v in versions if v.image}))
    found = []
    for v in versions:
        image = there.get(v.image)
        tags = image.tags if image else {}
        by, at, exists = tags.get("ramped:by", ""), tags.get("ramped:at", ""), image is not None and image.state == "available"
        found.append(Candidate(v.number, revision_of(v.description), v.image, exists, at, by, v.default))
    named = launch_templates.version(cloud, group.template, group.version).number
    return found, live(fleet, named)
