"""`management-create`, `-start`, `-stop`: the instance outside the groups to which a release is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..aws import autoscaling, instances, launch_templates
from ..aws.autoscaling import Group
from ..aws.instances import Ec2Instance
from ..aws.launch_sources import require_template
from ..aws.launch_templates import Version
from ..aws.management import find, launched
from ..decisions.access import roles
from ..errors import Refused
from ..hosts.management import open_management
from ..runtime.run import Run
from ..runtime.waiting import Waiting


@dataclass(frozen=True)
class Options:
    """Where the management instance is launched, overriding template and group."""

    subnet: str | None = None
    security_groups: tuple[str, ...] = ()
    elastic_ip: str | None = None  # an allocation id


def management_create(
    run: Run, subnet: str | None = None, security_group: Sequence[str] = (), elastic_ip: str | None = None
) -> None:
    """Create the management instance from the launch template of the first group, outside the group, tagged with its role."""
    management = run.settings.management
    existing = instances.find_management(run.cloud, management)
    if existing:
        run.out.say(f"the management instance {existing.id} exists already, {existing.state}")
        _warn_of_tags(run, existing)
        return
    if management.instance_id:
        raise Refused(
            f"management.instance_id: {management.instance_id} does not exist; remove the setting to create an instance that is"
            " found by its tag"
        )
    options = Options(subnet, tuple(security_group), elastic_ip)
    _require_reach(run, options)
    group = autoscaling.group(run.cloud, run.settings.groups[0])
    version = launch_templates.version(run.cloud, require_template(group.name, group.source), group.version)
    where = f" in {subnet}" if subnet else ""
    if run.dry:
        run.out.say(f"would launch version {version.number} of {version.template}{where}, tagged {management.tag}")
        run.hooks.foresee("management-instance")
        return
    with run.step("management instance"):
        id = _launch(run, group, version, options)
        run.out.say(f"{id} launched from version {version.number} of {version.template}{where}")
        launched(run, id)
        if elastic_ip:
            instances.associate(run.cloud, elastic_ip, id)
        # Again: now it has an address.
        _ready(run, launched(run, id))


def _require_reach(run: Run, options: Options) -> None:
    """Refuse options with which the instance could not be reached from here."""
    ssh = run.settings.ssh
    if options.elastic_ip is None:
        return
    if ssh.address == "private" and ssh.gateway != "ssm":
        raise Refused(
            f"--elastic-ip: the instance would not be reached by {options.elastic_ip}, because ssh.address is private: set it to"
            " public (or dns)"
        )
    address, holder = instances.elastic_ip(run.cloud, options.elastic_ip)
    if holder:
        raise Refused(f"--elastic-ip: {options.elastic_ip} ({address}) belongs to {holder} already")


def _launch(run: Run, group: Group, version: Version, options: Options) -> str:
    key, _, value = run.settings.management.tag.partition("=")
    # An organization may demand tags of every launch; those that the group gives its instances satisfy it.
    tags = dict(group.passed_on) | {"Name": f"{group.name} management", key: value}
    metadata = roles.metadata(version.data, tags)
    if metadata is None:
        run.out.warn(roles.unfit([*roles.tags_of(version.data), *tags]))
    if "InstanceMarketOptions" in version.data:
        run.out.warn(f"version {version.number} launches Spot instances: EC2 may end the management instance at any time")
    # With ssh.address public it needs a public address from the beginning: SSH and its console are waited for.
    public = run.settings.ssh.address != "private" and options.elastic_ip is None
    place = instances.Place(options.security_groups, public)
    subnets = [options.subnet] if options.subnet else group.subnets
    described = (version.template, version.number, version.data)
    # A command that was killed after its launch and is run again launches no second instance, though EC2 may not show the first
    # one yet; one that was terminated since is made anew.
    ended = instances.ended_with_tags(run.cloud, {key: value})
    once = " ".join(["management", run.settings.management.tag, str(options), str(int(run.clock.now() // 3600)), *ended])
    return instances.launch(run.cloud, *described, subnets, tags, metadata, place, kinds=group.kinds, once=once)


def management_start(run: Run) -> None:
    """Start the management instance and wait until SSH answers."""
    if run.dry:
        run.out.say(f"would start {find(run).id}, which is {find(run).state}")
        run.hooks.foresee("management-instance")
        return
    with run.step("management instance"):
        _ready(run)


def management_stop(run: Run) -> None:
    """Stop the management instance; its disk is kept."""
    stop(run)


def stop(run: Run, *, foreseen: bool = False) -> None:
    """Stop the management instance and wait until it has stopped.

    `foreseen`: in a dry run, steps before this one would have started it. Raises Refused when there is none, TimedOut.
    """
    instance = find(run)
    if instance.state == "stopped" and not foreseen:
        run.out.say(f"{instance.id} is stopped")
        return
    if run.dry:
        run.out.say(f"would stop {instance.id}")
        run.hooks.foresee("stop-the-management-instance")
        return

    def probe() -> bool | Waiting:
        state = find(run).state
        return state == "stopped" or Waiting(f"{instance.id} is {state}")

    with run.step("stop the management instance"):
        instances.stop(run.cloud, instance.id)
        run.wait(f"the stop of {instance.id}", probe, timeout=run.settings.app.boot_timeout)


def _ready(run: Run, instance: Ec2Instance | None = None) -> None:
    instance, host = open_management(run, instance)
    with host:
        run.out.say(f"{instance.id} ({instance.address}) runs, SSH answers")
    if run.settings.management.keep_running:
        _warn_of_tags(run, instance)


def _warn_of_tags(run: Run, instance: Ec2Instance) -> None:
    if not instance.shows_tags:
        run.out.warn(roles.hidden(instance.id))
