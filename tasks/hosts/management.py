"""The management instance: found, started, opened, and asked what is deployed on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..aws import instances
from ..decisions import commands, git_commands
from ..decisions.releases import Release, added, read_manifest
from ..errors import Refused, RemoteFailed
from ..waiting import wait_for
from .http import NoAnswer

if TYPE_CHECKING:
    from ..aws.instances import Machine
    from ..aws.session import Cloud
    from ..config import App
    from ..context import Run
    from ..decisions.releases import Manifest
    from .ssh import Host

LONG = 3600.0  # seconds for a command that works: pip, migrate, collectstatic


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
    deadline = run.settings.app.boot_deadline

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
        host = hosts.wait(machine, run.settings.app.boot_deadline)
    except BaseException:
        hosts.close()
        raise
    host.when_closed(hosts.close)
    return machine, host


def site_headers(app: App) -> dict[str, str]:
    """Return the headers with which a request by address looks like one that came through the balancer."""
    return {"Host": app.domain, "X-Forwarded-Proto": "https", "User-Agent": "ramped"}


def ask_health(host: Host, app: App, address: str | None = None, *, fresh: bool = False) -> tuple[str | None, str]:
    """Ask the health view of an instance, from that instance or from a host near it.

    `address`: None for the host's own. Returns the revision if it answered 200 with one, and what was seen.
    """
    try:
        answer = host.http(address, app.port, app.health_path, site_headers(app), fresh=fresh)
    except NoAnswer as error:
        return None, str(error)
    revision = answer.json().get("revision") if answer.status == 200 else None
    where = f"http://{address or host.address}:{app.port}{app.health_path}"
    return (str(revision) if revision else None), f"{where} answered {answer} with revision {revision or 'unknown'}"


def ask_revision(host: Host, app: App, address: str | None = None) -> str | None:
    """Return the revision that an instance serves, asked from a host near it; None when it is not well."""
    return ask_health(host, app, address)[0]


def git_directory(host: Host, app: App) -> str:
    """Return the absolute path of the repository's own folder on a host."""
    return host.run(git_commands.git_directory(app)).text


def ask_manifest(host: Host, app: App, git_directory: str, revision: str, *, write: bool = False) -> Manifest:
    """Ask the site on a host what it knows of its static files.

    `write`: remember them as what was there before the revision, unless that was done already. Raises RemoteFailed.
    """
    command = commands.manifest(app, git_directory, revision, write=write)
    label = "manage.py shell (asking for the manifest)"
    answer = host.run(command, timeout=LONG, label=label)
    manifest = read_manifest(answer.stdout)
    if manifest is None:
        raise RemoteFailed(host.name, label, answer.code, answer.stderr or answer.stdout)
    return manifest


def release_on(host: Host, run: Run) -> Release:
    """Return what is deployed on the management instance: the revision that it records, and the files that this added.

    Raises Refused when nothing was deployed there, RemoteFailed when the site cannot tell.
    """
    app = run.settings.app
    revision = host.run(commands.recorded_revision(app)).text
    if not revision:
        raise Refused(f"{host.name}: no REVISION in {app.directory}, so nothing was deployed there: run deploy first")
    manifest = ask_manifest(host, app, git_directory(host, app), revision)
    if manifest.problem:
        raise Refused(f"{host.name}: the manifest of {revision[:12]} cannot be read ({manifest.problem}): run deploy again")
    return Release(revision, host.name, added(manifest))
