"""Contracting migrations and the fleet: what waits, and which instances and versions run code that needs what they take away."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..aws import fleets, images, instances, tags
from ..aws.instances import Ec2Instance
from ..decisions.release.stages import shown, waiting_text
from ..decisions.rollout.old_code import old_code
from ..decisions.rollout.versions import Candidate
from ..errors import Refused
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from .versions import known_versions


def note_waiting(run: Run, instance: Ec2Instance, names: Sequence[str]) -> None:
    """Record on the management instance which migrations wait, before any of the others run."""
    if names:
        instances.tag(run.cloud, [instance.id], {tags.WAITING: waiting_text(names)})
        run.journal.note(waiting=" ".join(names))
    elif tags.WAITING in instance.tags:
        instances.untag(run.cloud, [instance.id], [tags.WAITING])


def waiting_line(instance: Ec2Instance | None) -> str:
    """Return what waits, for people; "" where nothing does."""
    named = instance.tags.get(tags.WAITING, "") if instance else ""
    return f"migrations wait until no old code runs: {shown(named)}; `contract` runs them" if named else ""


def await_end_of_old_code(run: Run, names: Sequence[str], revision: str) -> list[Candidate]:
    """Wait until no code runs that needs what these migrations take away; return the versions that have such code.

    `revision`: of the release whose migrations they are. Raises Refused where such code still runs, or is still launched;
    TimedOut.
    """
    return run.wait(
        "the end of the old instances",
        lambda: _old_code(run, names, revision),
        timeout=run.settings.rollout.timeout,
        every=run.settings.rollout.poll,
    )


def retire_old_code(run: Run, names: Sequence[str], revision: str) -> None:
    """Mark the images whose code needs what these migrations take away, so that nothing goes back to them.

    `revision`, and what is raised: as for `await_end_of_old_code`.
    """
    old = await_end_of_old_code(run, names, revision)
    if old:
        at = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(run.clock.now()))
        images.tag_all(run.cloud, sorted(c.image for c in old), {tags.OUTDATED: f"{revision[:12]} {at}"})
        run.out.say(f"no longer to be rolled back to: {', '.join(sorted(map(str, old)))}")


def _old_code(run: Run, names: Sequence[str], revision: str) -> list[Candidate] | Waiting:
    """Return the versions whose code needs what the migrations take away. Raises Refused where it still runs."""
    found = []
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        candidates, live = known_versions(run.cloud, fleet, group)
        found.append(old_code(fleet, candidates, live, names, revision))
    if reasons := [reason for one in found for reason in one.reasons]:
        listed = "".join(f"\n  - {reason}" for reason in reasons)
        raise Refused(f"code that needs what these migrations take away still runs:{listed}")
    if leaving := [id for one in found for id in one.leaving]:
        return Waiting(f"{', '.join(leaving)} with old code terminating")
    return list({c.image: c for one in found for c in one.versions}.values())
