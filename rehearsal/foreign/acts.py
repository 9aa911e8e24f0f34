"""What is played and looked at besides, where the site is somebody's own: going back, and what the release has left behind."""

import os
import time
from collections.abc import Sequence

from ..scenario import Rehearsal
from ..traffic import Request
from . import findings
from .existing import Existing

LATEST = 20  # pages that show what serves in the end


def play(rehearsal: Rehearsal) -> None:
    """Roll back if the release went through, then add what was found to the rehearsal's problems."""
    project, story = rehearsal.world.project, rehearsal.story
    assert isinstance(project, Existing)
    disk = rehearsal.world.places.top / "base"
    shipped = any(request.version == "v2" for request in rehearsal.requests())
    if shipped:
        rehearsal.problems += findings.migrated(project, disk, _waiting(rehearsal))
        _roll_back(rehearsal)
    rows, found = findings.workers(rehearsal.requests())
    story.table("Workers by release", ("release", "workers", "memory", "processor to load"), rows)
    shared = rehearsal.world.places.shared
    found = [*findings.lasting(project.prepared.findings, shared), *found, *findings.manifests(shared)]
    # `bake-ami` warns of them, too, and makes its image.
    secrets = list(findings.secrets(project.tree, project.prepared.name))
    if found or secrets:
        story.say("\nFound besides")
        for line in [*found, *secrets]:
            story.say(f"  {line}")
    if busy := findings.overloaded(os.getloadavg()[0], os.cpu_count() or 1):
        story.say(f"\n{busy}")
    rehearsal.problems += found


def _waiting(rehearsal: Rehearsal) -> str:
    """Return the tag that names the migrations that wait for `contract`; "" where none waits."""
    filters = [{"Name": "tag:ramped:role", "Values": ["management"]}]
    reservations = rehearsal.world.client("ec2").describe_instances(Filters=filters)["Reservations"]
    tags = {tag["Key"]: tag["Value"] for r in reservations for i in r["Instances"] for tag in i["Tags"]}
    return str(tags.get("ramped:waiting", ""))


def _roll_back(rehearsal: Rehearsal) -> None:
    """Go back to the old release, whose code then meets the new release's schema."""
    rehearsal.story.act("Act 4: back to version 1 by `fab rollback`, under traffic; the database stays as it is")
    began = time.monotonic() - rehearsal.story.came
    code = rehearsal.run("fab", "rollback")
    rehearsal.drained()
    time.sleep(rehearsal.settled)
    if not code:
        rehearsal.wait_for_visitors(lambda requests: went_back([request for request in requests if request.at >= began]))
    seen = [request for request in rehearsal.requests() if request.at >= began]
    failed = [request for request in seen if request.problem]
    rehearsal.story.say(f"{len(failed)} of {len(seen)} requests failed meanwhile")
    if code or failed or not went_back(seen):
        rehearsal.problems.append(f"`fab rollback` exited {code}; {len(failed)} requests failed meanwhile")
        rehearsal.story.failures(failed)


def went_back(requests: Sequence[Request]) -> bool:
    """Return whether the last pages are of the old release."""
    # A file names no release, and a page may name dozens of them.
    pages = [request for request in requests if request.kind == "page"]
    return any(request.version == "v1" for request in pages[-LATEST:])
