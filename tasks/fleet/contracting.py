"""Contracting migrations and the fleet: what waits, and which instances and versions run code that needs what they take away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from ..aws import fleets, images, instances, tags
from ..aws.instances import Ec2Instance
from ..decisions.release.stages import shown, unknown, waiting_text
from ..decisions.rollout.snapshot import Fleet, FleetInstance
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


def retire_old_code(run: Run, names: Sequence[str], revision: str) -> None:
    """Mark the images whose code needs what these migrations take away, so that nothing goes back to them.

    `revision`: of the release whose migrations they are. Instances that are terminating are waited for. Raises Refused where
    such code still runs, or is still launched; TimedOut.
    """
    old = run.wait(
        "the end of the old instances",
        lambda: _old_code(run, names, revision),
        timeout=run.settings.rollout.timeout,
        every=run.settings.rollout.poll,
    )
    if old:
        at = time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(run.clock.now()))
        images.tag_all(run.cloud, sorted(c.image for c in old), {tags.OUTDATED: f"{revision[:12]} {at}"})
        run.out.say(f"no longer to be rolled back to: {', '.join(sorted(map(str, old)))}")


def _old_code(run: Run, names: Sequence[str], revision: str) -> list[Candidate] | Waiting:
    """Return the versions whose code needs what the migrations take away."""
    wrong, leaving, old = list[str](), list[str](), dict[str, Candidate]()
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        candidates, live = known_versions(run.cloud, fleet, group)
        unfit = {c.number: c for c in candidates if c.revision != revision and unknown(c.waiting, names)}
        known = {c.number for c in candidates}
        there = [i for i in (*fleet.instances, *fleet.pool) if i.version in unfit or i.version not in known]
        leaving += [i.id for i in there if i.leaving]
        wrong += [f"{name}: {text}" for text in _still_there(fleet, [i for i in there if not i.leaving], unfit, live)]
        old |= {c.image: c for c in unfit.values() if c.revision and c.exists and not c.outdated}
    if wrong:
        raise Refused("code that needs what these migrations take away still runs:\n" + "\n".join(f"  - {w}" for w in wrong))
    return Waiting(f"{', '.join(leaving)} with old code terminating") if leaving else list(old.values())


def _still_there(fleet: Fleet, there: Sequence[FleetInstance], unfit: Mapping[str, Candidate], live: str) -> Iterator[str]:
    if fleet.record:
        yield f"the rollout to version {fleet.record.target} is unfinished: `rollout` ends it"
    if live in unfit:
        yield f"it launches version {unfit[live]}: `ship` or `rollout` first"
    for instance in there:
        yield f"{instance.id} ({instance.lifecycle}) runs version {unfit.get(instance.version, instance.version or 'unknown')}"
