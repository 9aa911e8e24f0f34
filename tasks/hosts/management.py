"""The management instance over SSH: opened, rebooted, and asked what is deployed on it."""

from __future__ import annotations

from ..aws import instances
from ..aws.instances import Machine
from ..aws.management import running_management
from ..decisions.release.releases import Release, added
from ..errors import HostUnreachable, Refused
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from .pool import Hosts
from .shell import commands
from .site import ask_manifest
from .ssh import Host


def open_management(run: Run, machine: Machine | None = None) -> tuple[Machine, Host]:
    """Find the management instance, start it if it is stopped, and wait for SSH; the caller closes the host.

    `machine`: the instance, where it is known and runs: EC2 may not find by its tag what was just launched. Raises Refused,
    TimedOut, HostUnreachable.
    """
    hosts = Hosts(run)
    try:
        machine = machine or running_management(run)
        host = hosts.wait(machine, run.settings.app.boot_timeout)
    except BaseException:
        hosts.close()
        raise
    host.when_closed(hosts.close)
    return machine, host


def reboot_management(run: Run, machine: Machine, host: Host) -> Host:
    """Reboot the management instance and return it as it has come up again; the caller closes that host, too.

    It must show the host key that it had. Raises TimedOut, HostUnreachable.
    """
    before = host.read(commands.boot()).text
    run.out.say(f"rebooting {machine.id}")
    instances.reboot(run.cloud, machine.id)

    def probe() -> Host | Waiting:
        _, again = open_management(run)
        try:
            if again.read(commands.boot()).text not in ("", before):
                return again
        except HostUnreachable:
            pass  # it was on its way down
        again.close()
        return Waiting(f"{machine.id} has not gone down yet")

    return run.wait(f"the reboot of {machine.id}", probe, timeout=run.settings.app.boot_timeout)


def release_on(host: Host, run: Run) -> Release:
    """Return what is deployed on the management instance: the revision that it records, and the files that this added.

    Raises Refused when nothing was deployed there, RemoteFailed when the site cannot tell.
    """
    app = run.settings.app
    revision = host.read(commands.recorded_revision(app)).text
    if not revision:
        raise Refused(f"{host.name}: no REVISION in {app.directory}, so nothing was deployed there: run deploy first")
    manifest = ask_manifest(host, app, revision)
    if manifest.problem:
        raise Refused(f"{host.name}: the manifest of {revision[:12]} cannot be read ({manifest.problem}): run deploy again")
    return Release(revision, host.name, added(manifest))
