"""What is played and looked at besides, where the site is somebody's own: going back, and what the release has left behind."""

import os
import time

from ..scenario import Rehearsal
from . import findings
from .existing import Existing


def play(rehearsal: Rehearsal) -> None:
    """Roll back if the release went through, then add what was found to the rehearsal's problems."""
    project, story = rehearsal.world.project, rehearsal.story
    assert isinstance(project, Existing)
    disk = rehearsal.world.places.top / "base"
    shipped = any(request.version == "v2" for request in rehearsal.requests())
    if shipped:
        rehearsal.problems += findings.migrated(project, disk)
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


def _roll_back(rehearsal: Rehearsal) -> None:
    """Go back to the old release, whose code then meets the new release's schema."""
    rehearsal.story.act("Act 4: back to version 1 by `fab rollback`, under traffic; the database stays as it is")
    began = time.monotonic() - rehearsal.story.came
    code = rehearsal.run("fab", "rollback")
    rehearsal.drained()
    time.sleep(rehearsal.settled)
    seen = [request for request in rehearsal.requests() if request.at >= began]
    failed = [request for request in seen if request.problem]
    rehearsal.story.say(f"{len(failed)} of {len(seen)} requests failed meanwhile")
    # A file names no release, and a page may name dozens of them.
    pages = [request for request in seen if request.kind == "page"]
    if code or failed or not any(request.version == "v1" for request in pages[-20:]):
        rehearsal.problems.append(f"`fab rollback` exited {code}; {len(failed)} requests failed meanwhile")
        rehearsal.story.failures(failed)
