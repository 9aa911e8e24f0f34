"""`management-create`, `-start`, `-stop`: the instance outside the groups on which deploys are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import Refused
from ..runtime.command import command
from ..runtime.waiting import wait_for

if TYPE_CHECKING:
    from ..aws.instances import Machine
    from ..aws.session import Cloud
    from ..runtime.run import Run


@command
def management_create(run: Run) -> None:
    """Create the management instance from the launch template of the first group, outside the group, tagged with its role."""
    from ..aws import autoscaling, instances, launch_templates
    from ..aws.session import Cloud
    from ..decisions.access import roles

    cloud, management = Cloud(run.settings.aws), run.settings.management
    there = instances.find_management(cloud, management)
    if there:
        run.out.say(f"the management instance {there.id} is there already, {there.state}")
        _tell_of_tags(run, there)
        return
    if management.instance_id:
        raise Refused(
            f"management.instance_id: {management.instance_id} is not there; take it out to have one made and found by its tag"
        )
    group = autoscaling.group(cloud, run.settings.groups[0])
    if not group.template:
        raise Refused(
            f"{group.name} has no launch template of its own to create the management instance from. Nothing was changed"
        )
    version = launch_templates.version(cloud, group.template, group.version)
    if run.dry:
        run.out.say(f"would launch version {version.number} of {version.template}, tagged {management.tag}")
        return
    with run.out.step("1  management instance"):
        key, _, value = management.tag.partition("=")
        tags = {"Name": f"{group.name} management", key: value}
        metadata = roles.metadata(version.data, tags)
        if metadata is None:
            run.out.warn(roles.unfit([*roles.tags_of(version.data), *tags]))
        id = instances.launch(cloud, version.template, version.number, version.data, group.subnets, tags, metadata)
        run.out.say(f"{id} launched from version {version.number} of {version.template}")
        _ready(run, cloud)


@command
def management_start(run: Run) -> None:
    """Start the management instance and wait until SSH answers."""
    from ..aws.session import Cloud
    from ..hosts.management import find

    cloud = Cloud(run.settings.aws)
    if run.dry:
        run.out.say(f"would start {find(run, cloud).id}, which is {find(run, cloud).state}")
        return
    with run.out.step("1  management instance"):
        _ready(run, cloud)


@command
def management_stop(run: Run) -> None:
    """Stop the management instance; its disk is kept."""
    stop(run)


def stop(run: Run) -> None:
    """Stop the management instance and wait until it has stopped.

    Raises Refused when there is none, TimedOut.
    """
    from ..aws import instances
    from ..aws.session import Cloud
    from ..hosts.management import find

    cloud = Cloud(run.settings.aws)
    machine = find(run, cloud)
    if machine.state == "stopped" or run.dry:
        run.out.say(f"{machine.id} is stopped" if machine.state == "stopped" else f"would stop {machine.id}")
        return

    def probe() -> tuple[bool | None, str]:
        state = find(run, cloud).state
        return (True if state == "stopped" else None), f"{machine.id} is {state}"

    with run.out.step("11 stop the management instance"):
        instances.stop(cloud, machine.id)
        deadline = run.settings.app.boot_timeout
        wait_for(f"the stop of {machine.id}", probe, clock=run.clock, deadline=deadline, every=2.0, seen=run.out.progress)


def _ready(run: Run, cloud: Cloud) -> None:
    from ..hosts.management import open_management

    machine, host = open_management(run, cloud)
    with host:
        run.out.say(f"{machine.id} ({machine.address}) runs, SSH answers")
    if run.settings.management.keep_running:
        _tell_of_tags(run, machine)


def _tell_of_tags(run: Run, machine: Machine) -> None:
    from ..decisions.access import roles

    if not machine.shows_tags:
        run.out.warn(roles.hidden(machine.id))


ns = Collection(management_create, management_start, management_stop)
