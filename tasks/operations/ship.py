"""`ship`: a whole release in one command."""

from __future__ import annotations

from collections.abc import Sequence

from ..aws import fleets
from ..decisions.release import order
from ..errors import SettingsError
from ..fleet.examination import examine, require
from ..fleet.lock import await_locks
from ..fleet.release_order import parts_of, show_order
from ..runtime.run import Run
from .check_static import check_everywhere
from .maintenance import is_on, turn_off, turn_on
from .releasing import Releasing
from .rollout import roll_out

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
    ordered = parts_of(run, skip)
    with Releasing(run, revision, yes=yes) as releasing:
        releasing.carry_out([part for part in ordered if part.name not in order.LAST])
        if all(part.name != order.CONTRACT for part in ordered):
            releasing.warn_of_waiting()
        releasing.carry_out([part for part in ordered if part.name in order.LAST])
        if run.dry:
            show_order(run, ordered, releasing.versions)
        else:
            releasing.record()


def _ship_behind_a_page(run: Run, revision: str | None, skip: Sequence[str], *, yes: bool) -> None:
    """Ship migrations that break old code: visitors see a page from before the migrations until every instance is new.

    All instances are replaced at once, old ones only when new ones serve: health checks bypass the page, and a
    new version that does not serve leaves the old instances in place. It is not rolled back automatically: old code would
    not work on the new schema.
    """
    all_at_once = _all_at_once(run)
    shown = is_on(run)
    ordered = parts_of(run, [*skip, order.RESTART, order.CONTRACT])

    def apart() -> None:
        nonlocal shown
        shown = True
        turn_on(run)

    releasing = Releasing(all_at_once, revision, yes=yes, apart=apart)
    try:
        _end_half_way(all_at_once, yes=yes)
        require(run, examine(all_at_once, web=False, release=True))
        with releasing:
            releasing.carry_out([part for part in ordered if part.name not in order.LAST])
        if run.dry:
            run.out.say("would show a maintenance page from before `migrate` until every instance is new and has been checked")
            run.hooks.foresee("maintenance-page-on", "maintenance-page-off")
        else:
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
    releasing.carry_out([part for part in ordered if part.name in order.LAST])


def _all_at_once(run: Run) -> Run:
    own = run.settings.rollout
    # Where max must not be raised there may be room only for the usual surge.
    most = "100%" if own.raise_max else own.surge
    size = {"surge": most, "batch": most, "canary": 0, "checkpoints": (), "pause": 0}
    return run.with_(rollout={**size, "rollback": False, "check_revision": True})


def _end_half_way(run: Run, *, yes: bool) -> None:
    """End an unfinished rollout of an earlier run, so that the same command continues after a crash."""
    records = [fleets.observe(run.cloud, name)[0].record for name in run.settings.groups]
    versions = sorted({record.target for record in records if record})
    if versions:
        run.out.say(f"resuming the unfinished rollout to version {', '.join(versions)} first")
        roll_out(run, yes=yes)
