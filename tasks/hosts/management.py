"""The management instance over SSH: connect, reboot, read the deployed release."""

from __future__ import annotations

from ..aws import instances
from ..aws.instances import Ec2Instance
from ..aws.management import running_management
from ..decisions.release.releases import Release, added
from ..errors import HostUnreachable, Refused
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from .pool import Hosts
from .shell import commands
from .site import ask_manifest
from .ssh import Host


def open_management(run: Run, instance: Ec2Instance | None = None) -> tuple[Ec2Instance, Host]:
    """Find the management instance, start it if it is stopped, and wait for SSH; the caller closes the host.

    `instance`: a known, running instance: EC2 may not find a new instance by its tag yet. Raises Refused,
    TimedOut, HostUnreachable.
    """
    hosts = Hosts(run)
    try:
        instance = instance or running_management(run)
        host = hosts.wait(instance, run.settings.app.boot_timeout)
    except BaseException:
        hosts.close()
        raise
    host.when_closed(hosts.close)
    return instance, host


def reboot_management(run: Run, instance: Ec2Instance, host: Host) -> Host:
    """Reboot the management instance and return the new connection; the caller closes that host, too.

    Its host key must be the same. Raises TimedOut, HostUnreachable.
    """
    before = host.read(commands.boot()).text
    run.out.say(f"rebooting {instance.id}")
    instances.reboot(run.cloud, instance.id)

    def probe() -> Host | Waiting:
        _, again = open_management(run)
        try:
            if again.read(commands.boot()).text not in ("", before):
                return again
        except HostUnreachable:
            pass  # it was shutting down
        again.close()
        return Waiting(f"{instance.id} has not gone down yet")

    return run.wait(f"the reboot of {instance.id}", probe, timeout=run.settings.app.boot_timeout)


def release_on(host: Host, run: Run) -> Release:
    """Return the release on the management instance: its recorded revision, and the files that it added.

    Raises Refused when nothing was deployed there, RemoteFailed when the site does not answer.
    """
    app = run.settings.app
    revision = host.read(commands.recorded_revision(app)).text
    if not revision:
        raise Refused(f"{host.name}: no REVISION in {app.directory}, so nothing was deployed there: run deploy first")
    manifest = ask_manifest(host, app, revision)
    if manifest.problem:
        raise Refused(f"{host.name}: the manifest of {revision[:12]} cannot be read ({manifest.problem}): run deploy again")
    return Release(revision, host.name, added(manifest), manifest.digests)
