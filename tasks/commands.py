"""Every command on one page: its name, its options and its help; each body is one lazy import and one call.

`fab --list` imports this page and nothing behind it: what a command needs is imported when the command begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke import Collection, Context, Task, task

from .runtime.command import BEFORE_EACH, command
from .runtime.listing import list_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .runtime.run import Run

SETTINGS = "no release: bring changed settings to every instance, read anew by app.settings_unit, and restart the site with them"
REPORT = "write a page of HTML to this file: a lane for each instance, capacity, steps, calls, outcome"
ANYWAY = "release although the time lies in a window of freeze.windows"
LOCK_WAIT = "seconds to wait while another run holds the lock; default: rollout.lock_wait"
AS_JSON = "print the answer as JSON, and nothing else, on standard output"
REVISION = "tag, branch, full or short sha; default: the head of app.branch on origin"


def _mention_maintenance(run: Run) -> None:
    from .operations import maintenance

    maintenance.mention(run)


def _reach_management(run: Run) -> None:
    if run.hooks.far:
        from .hosts.hooks import reach

        reach(run)


def _keep_log(run: Run) -> None:
    if run.journal.command and not run.dry:
        from .fleet.audit import keep_log

        keep_log(run)


BEFORE_EACH[:] = [_mention_maintenance, _reach_management, _keep_log]


def _waiting(run: Run, seconds: str | None) -> Run:
    """Return the run that waits for locks as long as --lock-wait says."""
    if seconds is None:
        return run
    if not (seconds.isascii() and seconds.isdecimal()):
        from .errors import SettingsError

        raise SettingsError(f"--lock-wait: found {seconds}; allowed: a whole number of seconds")
    return run.with_(rollout={"lock_wait": int(seconds)})


# -- release


@command(
    changes=True,
    iterable=["skip"],
    help={
        "revision": REVISION,
        "yes": "accept migrations that need review, and continue past a canary or a checkpoint that pauses",
        "maintenance": "show visitors a page meanwhile, so that any migration may run; the whole fleet is replaced at once",
        "skip": "leave out a part; repeatable: restart-all, warm-cdn, invalidate, stop",
        "anyway": ANYWAY,
        "lock-wait": LOCK_WAIT,
        "report": REPORT,
        "settings": SETTINGS,
    },
)
def ship(
    run: Run,
    revision: str | None = None,
    skip: Sequence[str] | None = None,
    yes: bool = False,
    maintenance: bool = False,
    anyway: bool = False,
    lock_wait: str | None = None,
    report: str | None = None,
    settings: bool = False,
) -> None:
    """Release a revision: deploy, restart-all, warm-cdn, bake-ami, rollout and invalidate in one command."""
    from .operations import freeze, restart_all, ship

    run.record(report)
    freeze.refuse_frozen(run, anyway=anyway)
    if settings:
        restart_all.ship_settings(run, revision, maintenance=maintenance)
    else:
        ship.ship(_waiting(run, lock_wait), revision, skip or (), yes=yes, maintenance=maintenance)


@command(changes=True, help={"revision": REVISION, "yes": "accept migrations that need review", "anyway": ANYWAY})
def deploy(run: Run, revision: str | None = None, yes: bool = False, anyway: bool = False) -> None:
    """Deploy a revision to the management instance: git, pip, migrate, collectstatic, restart; then verify it over HTTP.

    A run that stopped anywhere is completed by the same command.
    """
    from .operations import deploy, freeze

    freeze.refuse_frozen(run, anyway=anyway)
    deploy.deploy(run, revision, yes=yes)


@command(
    changes=True,
    help={
        "batch": "instances at a time, such as 2 or 25%; default: restart.batch",
        "only-if-needed": "skip instances that serve all new files already",
        "settings": SETTINGS,
    },
)
def restart_all(run: Run, batch: str | None = None, only_if_needed: bool = False, settings: bool = False) -> None:
    """Reload or restart every in-service web instance, a batch at a time, so that it serves the new static files.

    No request is lost. Stops at the first failure and lists which instances are done; the same command continues.
    """
    from .operations import restart_all

    restart_all.restart_all(run, batch, only_if_needed=only_if_needed, settings=settings)


@command(changes=True, help={"whole": "fetch every hashed file of the release, not only those that it added"})
def warm_cdn(run: Run, whole: bool = False) -> None:
    """Fetch the new static files through the CDN; invalidate and fetch again what it answers with an error.

    Run it after restart-all, when the web instances serve the new files. It warms the edge locations that answer from here.
    """
    from .operations import warm_cdn

    warm_cdn.warm_cdn(run, whole)


@command(changes=True, help={"fresh": "make a new image even if this revision has one"})
def bake_ami(run: Run, fresh: bool = False) -> None:
    """Bake an AMI of the management instance and make a launch template version of it; reuses what exists."""
    from .operations import bake_ami

    bake_ami.bake_ami(run, fresh=fresh)


@command(
    changes=True,
    help={
        "to": "launch template version; default: the newest",
        "yes": "continue past a canary or a checkpoint that pauses",
        "engine": "ramped or instance-refresh; default: rollout.engine",
        "lock-wait": LOCK_WAIT,
        "report": REPORT,
    },
)
def rollout(
    run: Run,
    to: str | None = None,
    yes: bool = False,
    engine: str | None = None,
    lock_wait: str | None = None,
    report: str | None = None,
) -> None:
    """Replace the instances of the groups by those of the newest template version, surge first; resumes an unfinished rollout.

    An unfinished rollout continues to its own version. A version that fails is rolled back (rollout.rollback). Several groups
    are replaced side by side; if one fails, the others go back with it.
    """
    from .operations import rollout

    run.record(report)
    rollout.rollout(_waiting(run, lock_wait), to, yes=yes, engine=engine)


@command(
    changes=True,
    iterable=["path"],
    help={"path": "a path such as /static/css/*; repeatable. Default: new hashed files that the CDN answers with an error"},
)
def invalidate(run: Run, path: Sequence[str] | None = None) -> None:
    """Invalidate CloudFront paths, or every hashed file that the CDN answers with an error; waits for completion."""
    from .operations import invalidate

    invalidate.invalidate(run, path)


# -- fleet


@command(
    help={
        "to": "launch template version; default: the newest",
        "price": "what an instance costs for an hour; default: rollout.instance_price",
        "json": "print the plan of each group as JSON, and nothing else, on standard output",
    },
)
def plan(run: Run, to: str | None = None, price: str | None = None, json: bool = False) -> None:
    """Show what a rollout would do: steps, launches, duration by the group's own history, cost of the surge. Changes nothing.

    Exit code 1 if the rollout would be refused.
    """
    from .operations import plan

    plan.plan(run, to, price, as_json=json)


@command(looks=True)
def status(run: Run) -> None:
    """Show instances, target health, versions, revisions and ages; sizes, suspended processes, an unfinished rollout."""
    from .operations import status

    status.status(run)


@command(looks=True, help={"limit": "how many versions and runs, newest first; default: 20", "json": AS_JSON})
def history(run: Run, limit: int = 20, json: bool = False) -> None:
    """Show the versions that can be rolled back to, and the latest releases and rollbacks with their outcomes."""
    from .operations import history

    history.history(run, limit, json=json)


@command(
    help={
        "since": "version number or revision; default: the release before the live one",
        "to": "version number or revision; default: the live one",
        "json": AS_JSON,
    }
)
def releases(run: Run, since: str | None = None, to: str | None = None, json: bool = False) -> None:
    """Show the commits between two releases, from the repository here or the checkout on the management instance."""
    from .operations import releases

    releases.releases(run, since, to, json=json)


@command(help={"limit": "how many commands, newest first; default: 20", "json": AS_JSON})
def audit(run: Run, limit: int = 20, json: bool = False) -> None:
    """Show who ran which changing command, as which AWS identity, when, how long, and how it ended."""
    from .operations import audit

    audit.audit(run, limit, json=json)


@command(
    changes=True, help={"to": "version number or revision; default: the version before the live one", "lock-wait": LOCK_WAIT}
)
def rollback(run: Run, to: str | None = None, lock_wait: str | None = None) -> None:
    """Roll back to the previous version, or to a version or revision; turns an unfinished rollout back.

    The previous version is the newest older one that ramped made and whose image still exists. The database is not rolled back.
    """
    from .operations import rollback

    rollback.rollback(_waiting(run, lock_wait), to)


@command(changes=True)
def abort(run: Run) -> None:
    """End an unfinished rollout: remove the surge, restore the settings; old and new instances stay side by side.

    The group launches the old version again. `rollout` replaces the rest later, `rollback` what is new already.
    """
    from .operations import abort

    abort.abort(run)


@command(changes=True, help={"force": "remove it even if its holder may be alive"})
def unlock(run: Run, force: bool = False) -> None:
    """Show who holds the lock of each group; remove it when the holder is gone, or with --force."""
    from .operations import unlock

    unlock.unlock(run, force)


@command(changes=True, help={"instance": "id of a web instance in service", "undo": "put it back into traffic"})
def drain(run: Run, instance: str, undo: bool = False) -> None:
    """Take one instance out of traffic for inspection; --undo puts it back.

    It keeps running, and open requests are completed. Where the group acts on the load balancer's health checks (type ELB) the
    instance is deregistered from its target groups; else its site reports not ready (health_check.draining_file).
    """
    from .operations import drain

    drain.drain(run, instance, undo=undo)


@command(changes=True)
def configure_health_check(run: Run) -> None:
    """Set the health check of every target group to that of the settings; show the times to detect and to recover."""
    from .operations import configure_health_check

    configure_health_check.configure_health_check(run)


# -- hosts

ON = "web, management, all, or the id of an instance; repeatable; default: all"


@command(
    omissible=["instance"],
    help={"instance": "id of an instance, or web for any of the web instances; default: the management instance"},
)
def ssh(run: Run, instance: str | None = None) -> None:
    """Open a shell on an instance, over the same connections and with the same host keys as every other command."""
    from .operations import ssh

    ssh.ssh(run, instance or "")


@command(
    changes=True,
    name="run",
    iterable=["on"],
    help={
        "command": "what to run, quoted for the shell of the host",
        "on": ON,
        "timeout": "seconds for each host; default: 600",
    },
)
def run_command(run: Run, command: str, on: Sequence[str] | None = None, timeout: int = 600) -> None:
    """Run a command on hosts side by side; each line of output has the instance in front. Works during a rollout.

    Exit code 1 if it failed on any host. What looks like a secret is masked.
    """
    from .operations import run as operation

    operation.run_command(run, command, on or (), timeout)


@command(
    changes=True,
    help={
        "arguments": "command of manage.py with its arguments, in quotes",
        "on": "management, or the id of an instance; default: management",
        "timeout": "seconds, where there is no terminal; default: 3600",
    },
)
def manage(run: Run, arguments: str, on: str = "management", timeout: int = 3600) -> None:
    """Run a manage.py command, with the environment of the site's service; on a terminal where there is one here."""
    from .operations import manage

    manage.manage(run, arguments, on, timeout)


@command(
    letters={"follow": "f"},
    iterable=["on", "unit"],
    help={
        "follow": "show new entries as they come, until Ctrl-C; a settings file (-f FILE) goes before the command",
        "grep": "only entries with this pattern (PCRE2); without capitals it ignores case",
        "since": "a time of journalctl, such as '1 hour ago'; default: 10 min ago",
        "on": ON,
        "unit": "a systemd unit; repeatable; default: app.services",
        "json": "print each entry as a line of JSON",
    },
)
def logs(
    run: Run,
    follow: bool = False,
    grep: str | None = None,
    since: str = "10 min ago",
    on: Sequence[str] | None = None,
    unit: Sequence[str] | None = None,
    json: bool = False,
) -> None:
    """Show the journal of the site's services on all hosts, by time, with the instance in front. Works during a rollout.

    The SSH user must be in the group systemd-journal or adm. What looks like a secret is masked.
    """
    from .operations import logs

    logs.logs(run, follow, grep, since, on or (), unit or (), json)


# -- checks of a release


@command(
    help={"revision": REVISION, "json": "print the answer of the site as JSON, and nothing else, on standard output"},
)
def check_migrations(run: Run, revision: str | None = None, json: bool = False) -> None:
    """Check the migrations of a revision against the release that serves; changes nothing.

    Exit code 0 if `deploy` would continue without asking: nothing pending, or everything compatible; 1 otherwise.
    """
    from .operations import check_migrations

    check_migrations.check_migrations(run, revision, json=json)


@command(looks=True, help={"json": "print the findings as JSON, and nothing else, on standard output"})
def doctor(run: Run, json: bool = False) -> None:
    """Examine groups, quotas, instances, SSH, sudo, git, disk, static files and CDN before a release; changes nothing.

    Exit code 1 if a release would fail.
    """
    from .operations import doctor

    doctor.doctor(run, json=json)


@command
def check_static(run: Run) -> None:
    """Request every hashed file of the running releases from every instance and the CDN; compare the bytes.

    The releases are those of the management instance and of every in-service web instance.
    """
    from .operations import check_static

    check_static.check_static(run)


@command(changes=True)
def prune_static(run: Run) -> None:
    """Delete hashed static files that no running, bootable or recent release references.

    Each deploy archives its manifest beside STATIC_ROOT; only names in such an archive are ever deleted. Refuses when a release
    that is needed has none. `--dry` shows what would be deleted, and how much. See static.keep_releases and static.grace.
    """
    from .operations import prune_static

    prune_static.prune_static(run)


@command(
    changes=True,
    help={
        "keep": "how many of the newest images are kept anyway; default: image.keep",
        "static": "run prune-static afterwards: releases without an image need no files",
        "json": "print images, reasons and sizes as JSON, and nothing else, on standard output",
    },
)
def prune_images(run: Run, keep: int | None = None, static: bool = False, json: bool = False) -> None:
    """Remove images of the site that nothing uses and `rollback` does not go to, with their snapshots.

    Only what has the tag ramped:site of this site. `--dry` shows what would be removed, and why the rest stays. Works beside a
    running rollout.
    """
    from .operations import prune_images

    prune_images.prune_images(run, keep, static, as_json=json)


# -- maintenance


@command(changes=True)
def maintenance_on(run: Run) -> None:
    """Show every visitor a maintenance page (503) instead of the site; health checks and fleet stay as they are."""
    from .operations import maintenance

    maintenance.maintenance_on(run)


@command(changes=True)
def maintenance_off(run: Run) -> None:
    """Remove the maintenance page: visitors reach the site again."""
    from .operations import maintenance

    maintenance.maintenance_off(run)


# -- management instance


@command(
    changes=True,
    iterable=["security_group"],
    help={
        "subnet": "id of the subnet; default: those of the group, in order",
        "security-group": "id of a security group; repeatable; default: those of the template",
        "elastic-ip": "allocation id of an Elastic IP that reaches it (ssh.address: public); tagged ramped:role=management",
    },
)
def management_create(
    run: Run, subnet: str | None = None, security_group: Sequence[str] | None = None, elastic_ip: str | None = None
) -> None:
    """Create the management instance from the launch template of the first group, outside the group."""
    from .operations import management

    management.management_create(run, subnet, security_group or (), elastic_ip)


@command(changes=True)
def management_start(run: Run) -> None:
    """Start the management instance and wait until SSH answers."""
    from .operations import management

    management.management_start(run)


@command(changes=True)
def management_stop(run: Run) -> None:
    """Stop the management instance; its disk is kept."""
    from .operations import management

    management.management_stop(run)


# -- rehearsal


@task(
    auto_shortflags=False,
    iterable=["skip"],
    help={
        "project": "the repository of your own site, instead of the sample shop; it is only read",
        "from": "with --project, the old release; default: the tag before the last one, or the commit before --to",
        "to": "with --project, the new release; default: the last tag, or HEAD",
        "environment-file": "with --project, a file of lines NAME=VALUE that its settings need",
        "settings": "with --project, the settings module that serves visitors",
        "manage": "with --project, its manage.py, where there are several",
        "yes": "with --project, ship with --yes: its migrations were reviewed",
        "hosts": "processes (no root), or machines: systemd, sshd, nginx and PostgreSQL (as root on Debian)",
        "instances": "number of web instances (1 to 40)",
        "keep": "keep the stand-in cloud running until Ctrl-C, and show how to use it",
        "static-middleware": "the site serves its static files by the drop-in static_middleware.py: nothing is restarted",
        "further": "continue with a migration that breaks old code, and a release that fails on every web instance",
        "skip": "show what happens without a part of the release: restart-all",
        "group": "the kind of group: plain, mixed (a policy with types, weights and Spot), warm-pool, or workers (celery)",
        "unkind": "a cloud as slow and unkind as AWS may be: late consoles, lagging reads, rejected calls, others' changes",
        "seed": "a number; with --unkind, repeats what an earlier run printed; default: random",
        "report": REPORT + ", requests and errors",
    },
)
def rehearse(
    c: Context,
    hosts: str = "processes",
    instances: int = 3,
    keep: bool = False,
    static_middleware: bool = False,
    further: bool = False,
    skip: Sequence[str] | None = None,
    group: str = "plain",
    unkind: bool = False,
    seed: str | None = None,
    project: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    environment_file: str | None = None,
    settings: str | None = None,
    manage: str | None = None,
    yes: bool = False,
    report: str | None = None,
) -> None:
    """Rehearse: ship a new release of a Django site to a stand-in cloud on this machine, under traffic; no AWS account.

    With --project it is your own site: its last two releases, its requirements, database, settings and pages.

    Needs no fabric.yaml. Exit code 0 only if no request failed.
    """
    from .operations import rehearse, rehearse_project

    flags = {
        "--keep": keep,
        "--static-middleware": static_middleware,
        "--further": further,
        "--unkind": unkind,
        f"--seed={seed}": seed is not None,
        f"--group={group}": group != "plain",
        "--yes": yes,
        f"--report={report}": report is not None,
    }
    subject = rehearse_project.Subject(project, from_, to, environment_file, settings, manage) if project else None
    wanted = [flag for flag, on in flags.items() if on]
    rehearse.rehearse(hosts, instances, wanted, skip or (), subject=subject, dry=bool(c.config.run.dry))


# -- setup


@task(
    auto_shortflags=False,
    help={
        "yes": "change settings, urls.py, .gitignore and requirements too; without it their changes are only shown",
        "python": "the project's own Python; default: the active virtual environment, .venv, venv, or this one",
        "manage": "the project's manage.py, where there are several",
        "settings": "the settings module that serves visitors; default: as wsgi.py and manage.py name it",
        "environment-file": "a file of lines NAME=VALUE that the settings need",
    },
)
def init(
    c: Context,
    yes: bool = False,
    python: str | None = None,
    manage: str | None = None,
    settings: str | None = None,
    environment_file: str | None = None,
) -> None:
    """Set a Django repository up: write fabric.yaml, fabfile.py and the drop-ins, show what its own files need, and prove it.

    Run again it updates the drop-ins to the installed version and keeps what was changed by hand. Needs no fabric.yaml.
    """
    from pathlib import Path

    from .operations import init

    options = init.Options(yes, bool(c.config.run.dry), python, manage, settings, environment_file)
    init.init(Path.cwd(), options)


# What is needed daily comes first.
GROUPS: dict[str, tuple[Task[Any], ...]] = {
    "release": (ship, deploy, restart_all, warm_cdn, bake_ami, rollout, invalidate),
    "fleet": (plan, status, history, releases, audit, rollback, abort, unlock, drain, configure_health_check),
    "hosts": (ssh, run_command, manage, logs),
    "checks": (doctor, check_migrations, check_static, prune_static, prune_images),
    "maintenance": (maintenance_on, maintenance_off),
    "management instance": (management_create, management_start, management_stop),
    "rehearsal": (rehearse,),
    "setup": (init,),
}


ns = Collection(*(member for members in GROUPS.values() for member in members))
list_by({group: [ns.transform(member.name) for member in members] for group, members in GROUPS.items()})
