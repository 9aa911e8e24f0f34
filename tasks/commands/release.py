"""Commands that release a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.command import command
from .options import ANYWAY, LOCK_WAIT, REPORT, REVISION, SETTINGS, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..runtime.run import Run


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
    from ..operations import freeze, restart_all, ship

    run.record(report)
    freeze.refuse_frozen(run, anyway=anyway)
    if settings:
        restart_all.ship_settings(run, revision, maintenance=maintenance)
    else:
        ship.ship(waiting(run, lock_wait), revision, skip or (), yes=yes, maintenance=maintenance)


@command(changes=True, help={"revision": REVISION, "yes": "accept migrations that need review", "anyway": ANYWAY})
def deploy(run: Run, revision: str | None = None, yes: bool = False, anyway: bool = False) -> None:
    """Deploy a revision to the management instance: git, pip, migrate, collectstatic, restart; then verify it over HTTP.

    A run that stopped anywhere is completed by the same command.
    """
    from ..operations import deploy, freeze

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
    from ..operations import restart_all

    restart_all.restart_all(run, batch, only_if_needed=only_if_needed, settings=settings)


@command(changes=True, help={"whole": "fetch every static file of the release, not only those that it added"})
def warm_cdn(run: Run, whole: bool = False) -> None:
    """Fetch the new static files through the CDN; invalidate and fetch again what it answers with an error.

    Run it after restart-all, when the web instances serve the new files. It warms the edge locations that answer from here.
    """
    from ..operations import warm_cdn

    warm_cdn.warm_cdn(run, whole)


@command(changes=True, help={"fresh": "make a new image even if this revision has one"})
def bake_ami(run: Run, fresh: bool = False) -> None:
    """Bake an AMI of the management instance and make a launch template version of it; reuses what exists."""
    from ..operations import bake_ami

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
    from ..operations import rollout

    run.record(report)
    rollout.rollout(waiting(run, lock_wait), to, yes=yes, engine=engine)


@command(
    changes=True, help={"now": "although the rollout could still be rolled back (app.rollback_window)", "lock-wait": LOCK_WAIT}
)
def contract(run: Run, now: bool = False, lock_wait: str | None = None) -> None:
    """Run the migrations that had to wait until no old code runs; afterwards nothing is rolled back to that code.

    They are those that `deploy` has left out. Refused while old code runs anywhere, in standby too.
    """
    from ..operations import contract

    contract.contract(waiting(run, lock_wait), now=now)


@command(
    changes=True,
    iterable=["path"],
    help={"path": "a path such as /static/css/*; repeatable. Default: new static files that the CDN answers with an error"},
)
def invalidate(run: Run, path: Sequence[str] | None = None) -> None:
    """Invalidate CloudFront paths, or every static file that the CDN answers with an error; waits for completion."""
    from ..operations import invalidate

    invalidate.invalidate(run, path)
