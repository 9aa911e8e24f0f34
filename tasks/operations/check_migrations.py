"""`check-migrations`: whether the release that serves goes on working with another one's migrations; the gate of `deploy`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import Refused
from ..runtime.command import command

if TYPE_CHECKING:
    from ..hosts.ssh import Host
    from ..runtime.run import Run


@command(
    changes=False,
    help={
        "revision": "tag, branch, full or short sha; default: the head of app.branch on origin",
        "json": "print the site's answer as JSON, and nothing else, on standard output",
    },
)
def check_migrations(run: Run, revision: str | None = None, json: bool = False) -> None:
    """Judge the migrations of a revision against the release that serves; changes nothing.

    Exit code 0 where `deploy` would go on without asking: nothing pending, or all of it compatible; 1 for anything else.
    """
    from dataclasses import replace
    from json import dumps

    from ..aws.session import Cloud
    from ..decisions.release.migrations import find
    from ..hosts import checkout
    from ..hosts.judging import judge
    from ..hosts.management import running_management
    from ..hosts.pool import Hosts
    from ..runtime.output import Output

    if run.dry:
        run.out.say(f"would judge the pending migrations of {revision or run.settings.app.branch} on the management instance")
        return
    shown, app, cloud = run.out, run.settings.app, Cloud(run.settings.aws)
    if json:
        run = replace(run, out=Output(sys.stderr))
    with Hosts(run, cloud) as hosts:
        host = hosts.wait(running_management(run, cloud), app.boot_timeout)
        checkout.require_site(host, app)
        sha = checkout.choose(run, host, revision)
        judgement, answer = judge(host, app, sha)
    if json:
        shown.say(dumps(find(answer), indent=2))
    for line in judgement.told or ("no migration changes the database",):
        run.out.say(line)
    if judgement.verdict in ("review", "incompatible"):
        raise Refused(f"the migrations of {sha[:12]} are not known to fit the release that serves: {judgement.verdict}")


def gate(run: Run, host: Host, sha: str, *, yes: bool, breaking: bool) -> None:
    """Let a revision pass whose migrations fit the release that serves; ask where that cannot be told.

    `yes`: the operator has looked already; `breaking`: nobody is served meanwhile. Raises Refused; nothing is touched then.
    """
    from ..decisions.release import migrations
    from ..hosts.judging import judge

    app = run.settings.app
    if not app.check_migrations:
        run.out.warn("app.check_migrations is false: nobody looks whether the release that serves works with the new migrations")
        return
    judgement, _ = judge(host, app, sha)
    for line in judgement.told or ("no migration changes the database",):
        run.out.say(line)
    decision = migrations.decide(judgement.verdict, yes=yes, breaking=breaking)
    if decision == "refuse":
        raise Refused(migrations.refusal(judgement, sha))
    if decision == "ask" and not _agreed(run):
        raise Refused(
            f"the migrations of {sha[:12]} want somebody to look at them; nothing was touched. If all is well: {_again(run)}"
        )


def _again(run: Run) -> str:
    return run.command if " --yes" in run.command else f"{run.command} --yes"


def _agreed(run: Run) -> bool:
    """Ask on a terminal; nobody is there to be asked elsewhere."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    run.out.close()
    return input("Go on with these migrations? [y/N] ").strip().lower() in ("y", "yes")


ns = Collection(check_migrations)
