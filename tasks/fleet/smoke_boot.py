"""The smoke boot: one instance of a new version, outside the target groups, must answer before the fleet is touched."""

from __future__ import annotations

from ..aws import instances
from ..aws.autoscaling import Group
from ..aws.diagnosis import findings
from ..aws.instances import Machine
from ..aws.launch_templates import Version
from ..aws.lock import Lock
from ..decisions.access import roles
from ..decisions.release.image_names import revision_of
from ..errors import DeployError, Refused, TimedOut
from ..hosts.revisions import Revisions
from ..runtime.run import Run
from ..runtime.waiting import Waiting

ROLE = "ramped:role"


def smoke_boot(run: Run, group: Group, target: Version, revisions: Revisions, lock: Lock) -> None:
    """Boot one instance of a version, wait until it is healthy and of the right revision, and terminate it.

    What an earlier run left behind goes first; `lock` is renewed meanwhile. Raises DeployError; the fleet was not touched then.
    """
    clear(run, group.name)
    tags = {"Name": f"{group.name} smoke boot", ROLE: "smoke", "ramped:group": group.name}
    # It sees its tags, so that it knows what it is booted for and looks at its disk (settings_snippets, ramped-whole.service).
    metadata = roles.metadata(target.data, tags)
    machine = instances.launch(run.cloud, target.template, target.number, target.data, group.subnets, tags, metadata)
    run.out.say(f"smoke boot of version {target.number}: {machine}")
    try:
        _prove(run, machine, revision_of(target.description), revisions, lock)
    except TimedOut as error:
        for line in findings(run.cloud, group, [machine]):
            run.out.warn(line)
        raise DeployError(f"smoke boot of version {target.number}: {error}. The fleet was not touched") from error
    finally:
        instances.terminate(run.cloud, [machine])


def _prove(run: Run, id: str, wanted: str | None, revisions: Revisions, lock: Lock) -> None:
    def probe() -> bool | Waiting:
        lock.renew()
        found: list[Machine] = instances.machines(run.cloud, [id])
        if not found or found[0].state != "running":
            return Waiting(f"{id} is {found[0].state if found else 'not known yet'}")
        told, seen = revisions.of(found[0].address)
        if told and wanted and told != wanted:
            raise Refused(f"smoke boot: {id} reports revision {told[:12]}, not {wanted[:12]}. The fleet was not touched")
        return bool(told) or Waiting(seen)

    run.wait(f"smoke boot {id}", probe, timeout=run.settings.rollout.instance_timeout, every=run.settings.rollout.poll)


def clear(run: Run, group: str) -> None:
    """Terminate the smoke boots that a run which was stopped has left."""
    left = [m.id for m in instances.with_tags(run.cloud, {ROLE: "smoke", "ramped:group": group})]
    if left:
        run.out.say(f"terminating the smoke boot that an earlier run left: {', '.join(left)}")
        instances.terminate(run.cloud, left)
