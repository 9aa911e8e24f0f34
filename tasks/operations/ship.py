"""`ship`: a whole release in one command."""

from __future__ import annotations

from collections.abc import Sequence

from ..aws import fleets
from ..errors import SettingsError
from ..fleet.examination import examine, require
from ..fleet.lock import await_locks
from ..runtime.run import Run
from .bake_ami import bake, foresee
from .check_static import check_everywhere
from .contract import contract_in_ship
from .deploy import deploy_release
from .invalidate import invalidate_paths
from .maintenance import is_on, turn_off, turn_on
from .management import stop
from .restart_all import restart_fleet
from .rollout import roll_out
from .warm_cdn import warm

SKIPPABLE = ("restart-all", "warm-cdn", "invalidate", "stop")
# The places of the steps in a whole release.
NUMBERS = {
    "management instance": "1",
    "SSH": "2",
    "git": "3",
    "migrate": "4",
    "collectstatic": "5",
    "restart": "6",
    "verify": "7",
    "image": "8",
    "template version": "9",
    "rollout": "10",
    "stop the management instance": "11",
}


def ship(run: Run, revision: str | None = None, skip: Sequence[str] = (), yes: bool = False, maintenance: bool = False) -> None:
    """Release a revision: everything in order, one report.

    Raises SettingsError for a part that cannot be skipped, and the errors of the parts.
    """
    unknown = [part for part in skip if part not in SKIPPABLE]
    if unknown:
        raise SettingsError(f"--skip: found {', '.join(unknown)}; allowed: {', '.join(SKIPPABLE)}")
    run = run.numbered(NUMBERS)
    # Else the unfinished rollout of another run would be taken for one of a crash.
    await_locks(run)
    try:
        if maintenance:
            _ship_behind_a_page(run, revision, skip, yes=yes)
        else:
            _ship(run, revision, skip, yes=yes)
    finally:
        if run.steps.ended:
            run.report("what was done")


def _ship(run: Run, revision: str | None, skip: Sequence[str], *, yes: bool) -> None:
    _end_half_way(run, yes=yes)
    require(run, examine(run, web="restart-all" not in skip, release=True))
    release = deploy_release(run, revision, yes=yes)
    if "restart-all" not in skip:
        serving = restart_fleet(run, release.added)
        # Never without restart-all: what the web instances do not serve yet would be remembered as an error.
        if serving and run.settings.static.cdn and "warm-cdn" not in skip:
            warm(run, release.added, release.circular)
    versions = foresee(run, release.revision) if run.dry else bake(run, proven=release.revision, waiting=release.waiting)
    roll_out(run, versions, yes=yes)
    _finish(run, skip, release.waiting)


def _finish(run: Run, skip: Sequence[str], waiting: Sequence[str] = ()) -> None:
    if run.settings.static.distribution and run.settings.static.cdn and "invalidate" not in skip:
        _invalidate(run)
    if waiting and run.settings.app.contract == "ship":
        contract_in_ship(run)
    elif waiting:
        run.out.warn(f"these migrations wait until no old code runs: {', '.join(waiting)}; `contract` runs them")
    if not run.settings.management.keep_running and "stop" not in skip:
        stop(run)


def _ship_behind_a_page(run: Run, revision: str | None, skip: Sequence[str], *, yes: bool) -> None:
    """Ship migrations that break old code: visitors see a page from before the migrations until every instance is new.

    All instances are replaced at once, old ones only when new ones serve: health checks bypass the page, and a
    new version that does not serve leaves the old instances in place. It is not rolled back automatically: old code would
    not work on the new schema.
    """
    all_at_once = _all_at_once(run)
    shown = is_on(run)

    def apart() -> None:
        nonlocal shown
        shown = True
        turn_on(run)

    try:
        _end_half_way(all_at_once, yes=yes)
        require(run, examine(all_at_once, web=False, release=True))
        release = deploy_release(run, revision, yes=yes, apart=apart)
        roll_out(all_at_once, foresee(run, release.revision) if run.dry else bake(run, proven=release.revision), yes=yes)
        if run.dry:
            run.out.say("would show a maintenance page from before `migrate` until every instance is new and has been checked")
            return
        # Through the load balancer the CDN would get the page.
        check_everywhere(run.with_(static={"cdn": None}))
        turn_off(run)
    except BaseException:
        if shown:
            run.out.warn(
                f"the maintenance page stays. To go on: {run.command}. To go back: bring the database back to the old schema"
                " (migrate backwards, or a snapshot), then `rollback`, then `maintenance-off`"
            )
        raise
    _finish(run, skip)


def _all_at_once(run: Run) -> Run:
    own = run.settings.rollout
    # Where max must not be raised there may be room only for the usual surge.
    most = "100%" if own.raise_max else own.surge
    size = {"surge": most, "batch": most, "canary": 0, "checkpoints": (), "pause": 0}
    return run.with_(rollout={**size, "rollback": False, "check_revision": True})


def _invalidate(run: Run) -> None:
    if run.dry:
        run.out.say(f"would invalidate every hashed file of the release that {run.settings.static.cdn} answers with an error")
    else:
        invalidate_paths(run)


def _end_half_way(run: Run, *, yes: bool) -> None:
    """End an unfinished rollout of an earlier run, so that the same command continues after a crash."""
    records = [fleets.observe(run.cloud, name)[0].record for name in run.settings.groups]
    versions = sorted({record.target for record in records if record})
    if versions:
        run.out.say(f"resuming the unfinished rollout to version {', '.join(versions)} first")
        roll_out(run, yes=yes)
