"""The management instance: find it by id or tag, and start it."""

from __future__ import annotations

from ..errors import DeployError, Refused
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from . import autoscaling, instances
from .instances import Ec2Instance
from .tags import MEMBER, TEMPLATE


def find(run: Run) -> Ec2Instance:
    """Find the management instance, in any state.

    A tag alone proves nothing, for others may set it: the instance must come from the launch template of a group too. Raises
    Refused when there is none, or several.
    """
    management = run.settings.management
    instance = instances.find_management(run.cloud, management)
    if instance is None:
        wanted = management.instance_id or f"an instance with the tag {management.tag}"
        raise Refused(f"no management instance: {wanted} does not exist. Create it with management-create")
    if management.instance_id is None and MEMBER in instance.tags:
        group = instance.tags[MEMBER]
        raise Refused(f"{instance.id} has the tag {management.tag}, but is an instance of {group}: take the tag away from it")
    if management.instance_id is None:
        templates = autoscaling.templates(run.cloud, run.settings.groups)
        if templates and instance.tags.get(TEMPLATE) not in templates:
            raise Refused(
                f"{instance.id} has the tag {management.tag}, but was not launched from the launch template of a group"
                f" ({', '.join(sorted(templates))}), so anybody may have tagged it. To use it all the same set"
                f" management.instance_id to {instance.id}"
            )
    return instance


def launched(run: Run, id: str) -> Ec2Instance:
    """Wait until a newly launched instance is running: EC2 may not know it at first.

    Raises DeployError with the reason where it terminates, TimedOut.
    """

    def probe() -> Ec2Instance | Waiting:
        found = next(iter(instances.with_ids(run.cloud, [id])), None)
        if found is not None and found.state in ("shutting-down", "terminated"):
            raise DeployError(f"{id} is {found.state}: {found.reason or 'EC2 gives no reason'}")
        if found is not None and found.state == "running" and found.address:
            return found
        return Waiting(f"{id} is {found.state}" if found else f"EC2 does not show {id} yet")

    return run.wait(f"the launch of {id}", probe, timeout=run.settings.app.boot_timeout)


def running_management(run: Run, *, start: bool = True) -> Ec2Instance:
    """Find the management instance, and start it if necessary.

    `start`: start it when it is stopped; a dry run never does. Raises Refused when it is stopped and must stay so, TimedOut.
    """
    instance = find(run)
    if instance.state == "running":
        return instance
    if run.dry or not start:
        raise Refused(f"the management instance {instance.id} is {instance.state}: start it with management-start")
    run.out.say(f"the management instance {instance.id} is {instance.state}: starting it (management-stop stops it again)")

    def probe() -> Ec2Instance | Waiting:
        seen = find(run)
        # A stopping instance cannot be started yet.
        if seen.state == "stopped":
            instances.start(run.cloud, seen.id)
        return seen if seen.state == "running" else Waiting(f"{seen.id} is {seen.state}")

    return run.wait(f"the start of {instance.id}", probe, timeout=run.settings.app.boot_timeout)
