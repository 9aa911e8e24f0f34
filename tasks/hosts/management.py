"""The management instance: found, started, opened, and asked what is deployed on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..aws import instances
from ..decisions.release.releases import Release, added
from ..errors import HostUnreachable, Refused
from ..runtime.waiting import wait_for
from .shell import commands
from .site import ask_manifest

if TYPE_CHECKING:
    from ..aws.instances import Machine
    from ..aws.session import Cloud
    from ..runtime.run import Run
    from .ssh import Host


def find(run: Run, cloud: Cloud) -> Machine:
    """Find the management instance, in whatever state.

    Raises Refused when there is none, or several.
    """
    management = run.settings.management
    machine = instances.find_management(cloud, management)
    if machine is None:
        wanted = management.instance_id or f"an instance with the tag {management.tag}"
        raise Refused(f"no management instance: {wanted} is not there. Make one with management-create")
    return machine


def running_management(run: Run, cloud: Cloud, *, start: bool = True) -> Machine:
    """Find the management instance and have it run.

    `start`: start it when it is stopped; a dry run never does. Raises Refused when it is stopped and is to stay so, TimedOut.
    """
    machine = find(run, cloud)
    if machine.state == "running":
        return machine
    if run.dry or not start:
        raise Refused(f"the management instance {machine.id} is {machine.state}: start it with management-start")
    deadline = run.settings.app.boot_timeout
    run.out.say(f"the management instance {machine.id} is {machine.state}: starting it (management-stop stops it again)")

    def probe() -> tuple[Machine | None, str]:
        seen = find(run, cloud)
        # One that is still stopping cannot be started yet.
        if seen.state == "stopped":
            instances.start(cloud, seen.id)
        return (seen if seen.state == "running" else None), f"{seen.id} is {seen.state}"

    return wait_for(f"the start of {machine.id}", probe, clock=run.clock, deadline=deadline, every=2.0, seen=run.out.progress)


def open_management(run: Run, cloud: Cloud, *, start: bool = True) -> tuple[Machine, Host]:
    """Find the management instance, start it if it is stopped, and wait for SSH; whoever asked closes the host.

    Raises Refused, TimedOut, HostUnreachable.
    """
    from .pool import Hosts

    hosts = Hosts(run, cloud)
    try:
        machine = running_management(run, cloud, start=start)
        host = hosts.wait(machine, run.settings.app.boot_timeout)
    except BaseException:
        hosts.close()
        raise
    host.when_closed(hosts.close)
    return machine, host


def reboot_management(run: Run, cloud: Cloud, machine: Machine, host: Host) -> Host:
    """Reboot the management instance and return it as it has come up again; whoever asked closes that host, too.

    It must show the host key that it had. Raises TimedOut, HostUnreachable.
    """
    before = host.run(commands.boot()).text
    run.out.say(f"rebooting {machine.id}")
    instances.reboot(cloud, machine.id)

    def probe() -> tuple[Host | None, str]:
        _, again = open_management(run, cloud)
        try:
            if again.run(commands.boot()).text not in ("", before):
                return again, f"{machine.id} has come up again"
        except HostUnreachable:
            pass  # it was on its way down
        again.close()
        return None, f"{machine.id} has not gone down yet"

    deadline = run.settings.app.boot_timeout
    return wait_for(f"the reboot of {machine.id}", probe, clock=run.clock, deadline=deadline, every=2.0, seen=run.out.progress)


def release_on(host: Host, run: Run) -> Release:
    """Return what is deployed on the management instance: the revision that it records, and the files that this added.

    Raises Refused when nothing was deployed there, RemoteFailed when the site cannot tell.
    """
    app = run.settings.app
    revision = host.run(commands.recorded_revision(app)).text
    if not revision:
        raise Refused(f"{host.name}: no REVISION in {app.directory}, so nothing was deployed there: run deploy first")
    manifest = ask_manifest(host, app, revision)
    if manifest.problem:
        raise Refused(f"{host.name}: the manifest of {revision[:12]} cannot be read ({manifest.problem}): run deploy again")
    return Release(revision, host.name, added(manifest))
