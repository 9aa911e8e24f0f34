"""`check-migrations`: whether the running release keeps working with the migrations of a revision; the gate of `deploy`."""

from __future__ import annotations

import sys
from dataclasses import replace

from ..aws.management import running_management
from ..decisions.release import migrations
from ..decisions.release.migrations import PendingMigrations, find
from ..errors import Refused
from ..hosts import checkout
from ..hosts.pending_migrations import ask_pending_migrations
from ..hosts.pool import Hosts
from ..hosts.ssh import Host
from ..runtime.output import Output
from ..runtime.run import Run


def check_migrations(run: Run, revision: str | None = None, json: bool = False) -> None:
    """Check the migrations of a revision against the running release; changes nothing.

    Exit code 0 if `deploy` would continue without asking: nothing pending, or everything compatible; 1 otherwise.
    """
    if run.dry:
        run.out.say(f"would check the pending migrations of {revision or run.settings.app.branch} on the management instance")
        return
    shown, app = run.out, run.settings.app
    if json:
        run = replace(run, out=Output(sys.stderr))
    with Hosts(run) as hosts:
        # It changes nothing, so it starts no instance either.
        host = hosts.wait(running_management(run, start=False), app.boot_timeout)
        checkout.require_site(host, app)
        sha = checkout.choose(run, host, revision)
        pending, answer = ask_pending_migrations(host, app, sha)
    if json:
        shown.answer(find(answer))
    pending = migrations.chosen(pending, stages=app.contract != "refuse")
    _show(run, pending)
    if pending.verdict in ("review", "incompatible"):
        raise Refused(f"the migrations of {sha[:12]} may not work with the running release: {pending.verdict}")


def gate(run: Run, host: Host, sha: str, *, yes: bool, breaking: bool, earlier: str = "") -> PendingMigrations:
    """Accept a revision whose migrations work with the running release, and return them; ask where that is unknown.

    `yes`: the operator has reviewed them; `breaking`: no visitor is served meanwhile; `earlier`: the tag of the management
    instance that names those of an earlier release which wait. Raises Refused before any change.
    """
    app = run.settings.app
    if not app.check_migrations:
        run.out.warn("app.check_migrations is false: whether the running release works with the new migrations is not checked")
        return PendingMigrations("none", ())
    pending, _ = ask_pending_migrations(host, app, sha)
    stages = app.contract != "refuse" and not breaking
    chosen = migrations.chosen(pending, stages=stages)
    _show(run, chosen)
    decision = migrations.decide(chosen.verdict, yes=yes, breaking=breaking)
    still = migrations.still_waiting(pending, earlier)
    if decision == "refuse":
        raise Refused(migrations.incompatible_message(pending, sha, still, stages=stages))
    if decision == "ask" and not _agreed(run):
        raise Refused(f"the migrations of {sha[:12]} need review; nothing was changed. To accept them: {_again(run)}")
    if still and chosen.waiting:
        run.out.warn(f"contracting migrations still wait since an earlier deploy: {', '.join(still)}; `contract` runs them")
    return chosen


def _show(run: Run, pending: PendingMigrations) -> None:
    for line in pending.lines or ("no migration changes the database",):
        run.out.say(line)
    if pending.waiting:
        run.out.say(f"until no old code runs, these wait: {', '.join(pending.waiting)}")


def _again(run: Run) -> str:
    return run.command if " --yes" in run.command else f"{run.command} --yes"


def _agreed(run: Run) -> bool:
    """Ask on a terminal; elsewhere the answer is no."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    run.out.close()
    return input("Continue with these migrations? [y/N] ").strip().lower() in ("y", "yes")
