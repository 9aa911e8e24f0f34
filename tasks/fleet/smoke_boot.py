"""The smoke boot: one instance of a new version, outside the target groups, must answer before the fleet is touched."""

from __future__ import annotations

from botocore.exceptions import ClientError

from ..aws import autoscaling, instances, tags
from ..aws.autoscaling import Group
from ..aws.diagnosis import findings
from ..aws.launch_templates import NOT_FOUND, Version
from ..aws.lock import Lock
from ..decisions.access import roles
from ..decisions.release.image_names import revision_of
from ..decisions.rollout.outcomes import FAILED
from ..errors import DeployError, TimedOut
from ..hosts.revisions import Revisions
from ..runtime.cloud import Cloud, error_code
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from .outcomes import record_outcome

_SMOKE = "smoke"  # the role
_TOKEN = "ramped-smoke-"  # begins the client token of its launch, which no later call can change
_UNKNOWN_FOR = 120.0  # seconds for which EC2 may not know an instance that was just launched


class SmokeFailed(DeployError):
    """An instance of a new version does not serve; the fleet was not touched."""


def smoke_boot(run: Run, group: Group, target: Version, revisions: Revisions, lock: Lock) -> None:
    """Boot one instance of a version, wait until it is healthy and of the right revision, and terminate it.

    Earlier smoke boots are terminated first; `lock` is renewed meanwhile. Raises SmokeFailed, Refused where no subnet can take
    an instance; the fleet was not touched then.
    """
    clear(run, group.name)
    own = tags_of(group)
    # It sees its tags, so that it knows its role and checks its disk (settings_snippets, ramped-whole.service).
    metadata = roles.metadata(target.data, own)
    version = (target.template, target.number, target.data, group.subnets)

    def launch() -> str | Waiting:
        try:
            return instances.launch(
                run.cloud, *version, own, metadata, kinds=group.kinds, once=lock.token, purpose=_TOKEN, stops=False
            )
        except ClientError as error:
            if error_code(error) not in NOT_FOUND:
                raise
            return Waiting(f"EC2 does not know version {target.number} yet")

    id = run.wait(f"the launch of version {target.number}", launch, timeout=_UNKNOWN_FOR, every=1.0)
    run.out.say(f"smoke boot of version {target.number}: {id}")
    try:
        _prove(run, id, revision_of(target.description), revisions, lock)
    except (TimedOut, SmokeFailed) as error:
        for line in findings(run.cloud, group, [id]):
            run.out.warn(line)
        record_outcome(run, target, FAILED)
        raise SmokeFailed(f"smoke boot of version {target.number}: {error}. The fleet was not touched") from error
    finally:
        _terminate(run, id)


def tags_of(group: Group) -> dict[str, str]:
    """Return the tags of a smoke boot: those that the group propagates, which an organization may require, and ours."""
    ours = {"Name": f"{group.name} smoke boot", tags.ROLE: _SMOKE, tags.GROUP: group.name}
    return dict(group.passed_on) | ours


def _prove(run: Run, id: str, wanted: str | None, revisions: Revisions, lock: Lock) -> None:
    failed = 0

    def pages(address: str) -> bool | Waiting:
        """Request the pages of an instance that is of the right revision; it may need a moment for them."""
        nonlocal failed
        faults = revisions.faults(address)
        failed += bool(faults)
        if failed >= run.settings.rollout.healthy_polls:
            raise SmokeFailed(f"{id}: {faults}")
        return Waiting(faults) if faults else True

    def probe() -> bool | Waiting:
        lock.renew()
        found = instances.with_ids(run.cloud, [id])
        if not found:
            return Waiting(f"{id} is not known yet")
        if found[0].ended:
            raise SmokeFailed(f"EC2 ended {id}: {found[0].reason or 'no reason given'}")
        if found[0].state != "running":
            return Waiting(f"{id} is {found[0].state}")
        revision, seen = revisions.of(found[0].address)
        if revision and wanted and revision != wanted:
            raise SmokeFailed(f"{id} reports revision {revision[:12]}, not {wanted[:12]}")
        return pages(found[0].address) if revision else Waiting(seen)

    run.wait(f"smoke boot {id}", probe, timeout=run.settings.rollout.instance_timeout, every=run.settings.rollout.poll)


def _terminate(run: Run, id: str) -> None:
    def probe() -> bool | Waiting:
        return instances.terminate(run.cloud, [id]) or Waiting(f"EC2 does not know {id} yet")

    run.wait(f"the end of smoke boot {id}", probe, timeout=_UNKNOWN_FOR, every=1.0)


def left_over(cloud: Cloud, group: str) -> list[str]:
    """Return the smoke boots of a group that an interrupted run has left.

    Others may set our tags, but neither AWS's own nor the token of a launch: what does not come from the group's template, is in
    a group, or was launched by another call is not ours.
    """
    found = instances.with_tags(cloud, {tags.ROLE: _SMOKE, tags.GROUP: group})
    template = autoscaling.group(cloud, group).template if found else ""
    return [
        instance.id
        for instance in found
        if instance.tags.get(tags.TEMPLATE) == template and tags.MEMBER not in instance.tags and instance.token.startswith(_TOKEN)
    ]


def clear(run: Run, group: str) -> None:
    """Terminate the smoke boots that an interrupted run has left."""
    left = left_over(run.cloud, group)
    if left:
        run.out.say(f"terminating the smoke boot of an interrupted run: {', '.join(left)}")
        instances.terminate(run.cloud, left)
