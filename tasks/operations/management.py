"""`management-create`, `-start`, `-stop`: the instance outside the groups on which deploys are made."""

from __future__ import annotations

from ..aws import autoscaling, instances, launch_templates
from ..aws.instances import Machine
from ..aws.management import find
from ..decisions.access import roles
from ..errors import Refused
from ..hosts.management import open_management
from ..runtime.run import Run
from ..runtime.waiting import Waiting


def management_create(run: Run) -> None:
    """Create the management instance from the launch template of the first group, outside the group, tagged with its role."""
    management = run.settings.management
    there = instances.find_management(run.cloud, management)
    if there:
        run.out.say(f"the management instance {there.id} is there already, {there.state}")
        _tell_of_tags(run, there)
        return
    if management.instance_id:
        raise Refused(
            f"management.instance_id: {management.instance_id} is not there; take it out to have one made and found by its tag"
        )
    group = autoscaling.group(run.cloud, run.settings.groups[0])
    if not group.template:
        raise Refused(f"{group.name} has no launch template of its own to create the management instance from")
    version = launch_templates.version(run.cloud, group.template, group.version)
    if run.dry:
        run.out.say(f"would launch version {version.number} of {version.template}, tagged {management.tag}")
        return
    with run.step("management instance"):
        key, _, value = management.tag.partition("=")
        tags = {"Name": f"{group.name} management", key: value}
        metadata = roles.metadata(version.data, tags)
        if metadata is None:
            run.out.warn(roles.unfit([*roles.tags_of(version.data), *tags]))
        id = instances.launch(run.cloud, version.template, version.number, version.data, group.subnets, tags, metadata)
        run.out.say(f"{id} launched from version {version.number} of {version.template}")
        _ready(run)


def management_start(run: Run) -> None:
    """Start the management instance and wait until SSH answers."""
    if run.dry:
        run.out.say(f"would start {find(run).id}, which is {find(run).state}")
        return
    with run.step("management instance"):
        _ready(run)


def management_stop(run: Run) -> None:
    """Stop the management instance; its disk is kept."""
    stop(run)


def stop(run: Run) -> None:
    """Stop the management instance and wait until it has stopped.

    Raises Refused when there is none, TimedOut.
    """
    machine = find(run)
    if machine.state == "stopped" or run.dry:
        run.out.say(f"{machine.id} is stopped" if machine.state == "stopped" else f"would stop {machine.id}")
        return

    def probe() -> bool | Waiting:
        state = find(run).state
        return state == "stopped" or Waiting(f"{machine.id} is {state}")

    with run.step("stop the management instance"):
        instances.stop(run.cloud, machine.id)
        run.wait(f"the stop of {machine.id}", probe, timeout=run.settings.app.boot_timeout)


def _ready(run: Run) -> None:
    machine, host = open_management(run)
    with host:
        run.out.say(f"{machine.id} ({machine.address}) runs, SSH answers")
    if run.settings.management.keep_running:
        _tell_of_tags(run, machine)


def _tell_of_tags(run: Run, machine: Machine) -> None:
    if not machine.shows_tags:
        run.out.warn(roles.hidden(machine.id))
