"""`deploy`: put a revision on the management instance and prove it there, before any web instance hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from ..runtime.command import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..decisions.release.releases import Release
    from ..hosts.ssh import Host
    from ..runtime.run import Run


VERIFIED = "ramped:revision"  # the tag of an instance on which a deploy has proven that revision


@command(
    help={
        "revision": "tag, branch, full or short sha; default: the head of app.branch on origin",
        "yes": "go on with migrations that somebody should look at",
    }
)
def deploy(run: Run, revision: str | None = None, yes: bool = False) -> None:
    """Put a revision on the management instance: git, pip, migrate, collectstatic, restart; then verify it by HTTP.

    A run that was stopped anywhere is finished by the same command.
    """
    deploy_release(run, revision, yes=yes)


def deploy_release(run: Run, revision: str | None, *, yes: bool = False, apart: Callable[[], None] | None = None) -> Release:
    """Deploy a revision on the management instance, verify it there and return it.

    `revision`: tag, branch, full or short sha; None for the head of app.branch; `yes`: somebody has looked at the migrations;
    `apart`: takes visitors away before anything migrates, so that any migration may run. A dry run changes nothing and returns
    what it would deploy. Raises Refused, RemoteFailed, TimedOut, HostUnreachable, DeployError.
    """
    from ..aws import instances
    from ..aws.session import Cloud
    from ..decisions.release.releases import Release, added
    from ..hosts import checkout, site
    from ..hosts.management import running_management
    from ..hosts.pool import Hosts
    from .check_migrations import gate

    if run.dry:
        return _foresee(run, revision)
    app, cloud = run.settings.app, Cloud(run.settings.aws)
    with Hosts(run, cloud) as hosts:
        with run.out.step("1  management instance"):
            machine = running_management(run, cloud)
        with run.out.step("2  SSH"):
            host = hosts.wait(machine, app.boot_timeout)
            checkout.require_site(host, app)
        with run.out.step("3  git"):
            sha = checkout.choose(run, host, revision)
            gate(run, host, sha, yes=yes, breaking=apart is not None)
            # Until it is verified again nothing is: no image is taken of a half.
            instances.untag(cloud, [machine.id], [VERIFIED])
            checkout.switch(run, host, sha)
            checkout.install_requirements(run, host)
        if apart:
            apart()
        with run.out.step("4  migrate"):
            site.migrate(run, host)
        with run.out.step("5  collectstatic"):
            manifest = site.collect(run, host, sha)
        with run.out.step("6  restart"):
            site.restart(run, host, app.services)
        with run.out.step("7  verify"):
            site.verify(run, host, sha, manifest)
            instances.tag(cloud, [machine.id], {VERIFIED: sha})
    return Release(sha, machine.id, added(manifest))


def _foresee(run: Run, revision: str | None) -> Release:
    """Say what a deploy would do; looks at the management instance only if it runs."""
    from ..aws.session import Cloud
    from ..decisions.release.releases import Release
    from ..hosts import management
    from ..hosts.pool import Hosts

    app, cloud = run.settings.app, Cloud(run.settings.aws)
    machine, sha = management.find(run, cloud), revision or app.branch
    with Hosts(run, cloud) as hosts:
        if machine.state == "running":
            sha = _look(run, hosts.open(machine), revision)
        else:
            run.out.say(f"would start the management instance {machine.id}, which is {machine.state}, and wait for SSH")
    run.out.say(f"would fetch, check out {sha} in {app.directory} on {machine.id} and write REVISION")
    judged = "judge its migrations against the release that serves, " if app.check_migrations else ""
    run.out.say(f"would {judged}install {', '.join(app.requirements) or 'nothing'} if changed, migrate if needed, collectstatic")
    run.out.say(f"would restart {', '.join(app.services)}, then ask {app.health_path} and every hashed file")
    return Release(sha, machine.id, ())


def _look(run: Run, host: Host, revision: str | None) -> str:
    from ..hosts import checkout
    from ..hosts.shell import git_commands

    app = run.settings.app
    checkout.require_site(host, app)
    checkout.require_clean(run, host)
    run.out.say(f"{host.name} has {host.run(git_commands.head(app), check=False).text[:12] or 'nothing'} checked out")
    heads = host.run(git_commands.remote_head(app, revision or app.branch), timeout=checkout.LONG, label="git ls-remote").text
    return heads.split()[0] if heads else checkout.resolve(host, app, revision)


ns = Collection(deploy)
