"""`deploy`: deploy a revision to the management instance and verify it there, before any web instance gets it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..aws import instances, tags
from ..aws.management import find, running_management
from ..decisions.release import readiness
from ..decisions.release.releases import Release, added
from ..decisions.release.snapshots import database_of
from ..fleet.contracting import note_waiting
from ..fleet.database_snapshot import snapshot_database
from ..fleet.examination import of_checkout, require
from ..hosts import building, checkout, site
from ..hosts.beside import compared
from ..hosts.pages import require_pages
from ..hosts.pool import Hosts
from ..hosts.shell import git_commands
from ..hosts.ssh import Host
from ..runtime.run import Run
from ..settings.model import App
from .check_migrations import gate


def deploy(run: Run, revision: str | None = None, yes: bool = False) -> None:
    """Deploy a revision to the management instance: git, pip, migrate, collectstatic, restart; then verify it over HTTP.

    A run that stopped anywhere is completed by the same command.
    """
    deploy_release(run, revision, yes=yes)


def deploy_release(run: Run, revision: str | None, *, yes: bool = False, apart: Callable[[], None] | None = None) -> Release:
    """Deploy a revision on the management instance, verify it there and return it.

    `revision`: tag, branch, full or short sha; None for the head of app.branch; `yes`: the operator has reviewed the migrations;
    `apart`: called before `migrate` to stop all traffic, so that any migration may run. A dry run changes nothing and returns
    what it would deploy. Raises Refused, RemoteFailed, TimedOut, HostUnreachable, DeployError.
    """
    if run.dry:
        return _foresee(run, revision)
    app = run.settings.app
    with Hosts(run) as hosts:
        with run.step("management instance"):
            instance = running_management(run)
            run.journal.note(instance=instance.id)
        with run.step("SSH"):
            host = hosts.wait(instance, app.boot_timeout)
            require(run, of_checkout(run, host))
        with run.step("git"):
            sha = checkout.choose(run, host, revision)
            run.journal.note(revision=sha)
            earlier = instance.tags.get(tags.WAITING, "")
            pending = gate(run, host, sha, yes=yes, breaking=apart is not None, earlier=earlier)
            # Until it is verified again, no image of an unfinished deploy is baked.
            instances.untag(run.cloud, [instance.id], [tags.REVISION])
            note_waiting(run, instance, pending.waiting)
            _check_out(run, host, sha)
        if apart:
            apart()
        with run.step("migrate"):
            site.migrate(run, host, lambda: snapshot_database(run, sha), pending.left)
        with run.step("collectstatic"):
            manifest = site.collect(run, host, sha)
            if app.after_collectstatic:
                building.after_collectstatic(run, host, sha)
                manifest = site.ask_after_steps(run, host, sha)
        with run.step("restart"):
            site.restart(run, host, app.services)
        with run.step("verify"):
            site.verify(run, host, sha, manifest, pending.waiting)
            require_pages(run, host)
            instances.tag(run.cloud, [instance.id], {tags.REVISION: sha})
    return Release(sha, instance.id, added(manifest), manifest.digests, pending.waiting)


def _check_out(run: Run, host: Host, sha: str) -> None:
    """Check a commit out, install what it requires and build it; raises Refused where its settings do not fit the host."""
    checkout.switch(run, host, sha)
    building.install_and_build(run, host, sha)
    facts, own = site.ask_before_release(run, host, sha)
    checkout.record_in_base(host, run.settings.app, sha, facts.base)
    require(run, [*readiness.of_site(host.name, facts), *compared(run, host, own)])


def _foresee(run: Run, revision: str | None) -> Release:
    """Say what a deploy would do; connects to the management instance only if it runs."""
    app = run.settings.app
    instance, sha = find(run), revision or app.branch
    with Hosts(run) as hosts:
        if instance.state == "running":
            sha = _look(run, hosts.open(instance), revision)
        else:
            run.out.say(f"would start the management instance {instance.id}, which is {instance.state}, and wait for SSH")
    run.out.say(f"would fetch, check out {sha} in {app.directory} on {instance.id} and write REVISION")
    database = run.settings.database.snapshot
    snapshot = f"make a snapshot of {database_of(database)} and " if database else ""
    checked = (
        "check its migrations against the running release (what breaks it waits for `contract`), " if app.check_migrations else ""
    )
    run.out.say(
        f"would {checked}{_installation(app)}, {snapshot}migrate if needed, collectstatic{_listed(app.after_collectstatic)}"
    )
    run.out.say(f"would restart {', '.join(app.services)}, then request {app.health_path} and every static file")
    run.hooks.foresee("management-instance", "ssh", "git", "migrate", "collectstatic", "restart", "verify")
    return Release(sha, instance.id, ())


def _installation(app: App) -> str:
    """Describe how a deploy installs and builds the site."""
    asked = "run " + ", ".join(app.install) if app.install else "install nothing"
    files = f"install {', '.join(app.requirements)}, or what the lock file says, if changed" if app.requirements else asked
    built = ", build what npm builds" if app.build is None else _listed(app.build)
    return (files if app.install is None else asked) + built


def _listed(steps: Sequence[str]) -> str:
    return "".join(f", run {step}" for step in steps)


def _look(run: Run, host: Host, revision: str | None) -> str:
    app = run.settings.app
    checkout.require_site(host, app)
    checkout.require_clean(run, host)
    run.out.say(f"{host.name} has {host.read(git_commands.head(app), check=False).text[:12] or 'nothing'} checked out")
    heads = host.read(git_commands.remote_head(app, revision or app.branch), timeout=checkout.LONG, label="git ls-remote").text
    return heads.split()[0] if heads else checkout.resolve(host, app, revision)
