"""`ship`: the push of a button, everything in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from .command import command
from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .context import Run

SKIPPABLE = ("restart-all", "warm-cdn", "invalidate", "stop")


@command(
    iterable=["skip"],
    help={
        "revision": "commit, tag or branch; default: the head of app.branch",
        "yes": "go on past migrations to be looked at, and past a canary or a checkpoint at which it stops",
        "skip": f"leave a part out, repeatable: {', '.join(SKIPPABLE)}",
    },
)
def ship(run: Run, revision: str | None = None, skip: Sequence[str] | None = None, yes: bool = False) -> None:
    """Deploy, restart-all, warm-cdn, bake-ami, rollout, invalidate, in order: one command, one report."""
    unknown = [part for part in skip or () if part not in SKIPPABLE]
    if unknown:
        raise SettingsError(f"--skip: found {', '.join(unknown)}; allowed: {', '.join(SKIPPABLE)}")
    try:
        _ship(run, revision, skip or (), yes=yes)
    finally:
        if run.out.steps:
            run.out.report("what was done")


def _ship(run: Run, revision: str | None, skip: Sequence[str], *, yes: bool) -> None:
    from .bake import bake, foresee
    from .deploy import deploy_release
    from .management import stop
    from .restart import restart_fleet
    from .rollout import roll_out
    from .warm_cdn import warm

    _end_half_way(run, yes=yes)
    release = deploy_release(run, revision, yes=yes)
    if "restart-all" not in skip:
        serving = restart_fleet(run, release.added)
        # Never without restart-all: what the web instances do not serve yet would be remembered as an error.
        if serving and run.settings.static.cdn and "warm-cdn" not in skip:
            warm(run, release.added)
    roll_out(run, foresee(run, release.revision) if run.dry else bake(run), yes=yes)
    if run.settings.static.distribution and run.settings.static.cdn and "invalidate" not in skip:
        _invalidate(run)
    if not run.settings.management.keep_running and "stop" not in skip:
        stop(run)


def _invalidate(run: Run) -> None:
    from .invalidate import invalidate_paths

    if run.dry:
        run.out.say(f"would invalidate every hashed file of the release that {run.settings.static.cdn} answers with an error")
    else:
        invalidate_paths(run)


def _end_half_way(run: Run, *, yes: bool) -> None:
    """End the rollout that an earlier run left half-way, so that the same command goes on after a crash."""
    from .aws import fleets
    from .aws.session import Cloud
    from .rollout import roll_out

    cloud = Cloud(run.settings.aws)
    records = [fleets.observe(cloud, name)[0].record for name in run.settings.groups]
    versions = sorted({record.target for record in records if record})
    if versions:
        run.out.say(f"a rollout to version {', '.join(versions)} is half-way: that one first")
        roll_out(run, yes=yes)


ns = Collection(ship)
