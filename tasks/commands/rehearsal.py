"""The rehearsal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Context, task

from ..runtime.arguments import CommandTask
from .options import REPORT

if TYPE_CHECKING:
    from collections.abc import Sequence


@task(
    klass=CommandTask,
    auto_shortflags=False,
    iterable=["skip", "fill"],
    help={
        "project": "the repository of your own site, instead of the sample shop; it is only read",
        "from": "with --project, the old release; default: the tag before the last one, or the commit before --to",
        "to": "with --project, the new release; default: the last tag, or HEAD",
        "environment-file": "with --project, a file of lines NAME=VALUE that its settings need",
        "fill": "with --project, a command that fills its database after migrate, in the old release; may be repeated",
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
    fill: Sequence[str] | None = None,
    settings: str | None = None,
    manage: str | None = None,
    yes: bool = False,
    report: str | None = None,
) -> None:
    """Rehearse: ship a new release of a Django site to a stand-in cloud on this machine, under traffic; no AWS account.

    With --project it is your own site: its last two releases, its requirements, database, settings and pages.

    Needs no fabric.yaml. Exit code 0 only if no request failed.
    """
    from ..operations import rehearse, rehearse_project

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
    subject = (
        rehearse_project.Subject(project, from_, to, environment_file, settings, manage, tuple(fill or ())) if project else None
    )
    wanted = [flag for flag, on in flags.items() if on]
    rehearse.rehearse(hosts, instances, wanted, skip or (), subject=subject, dry=bool(c.config.run.dry))
