"""`contract`: run the migrations that had to wait until no old code runs."""

from __future__ import annotations

from contextlib import ExitStack

from ..aws import fleets, instances, tags
from ..aws.instances import Ec2Instance
from ..decisions.release.migrations import PendingMigrations
from ..decisions.release.stages import left_of_window
from ..errors import Refused
from ..fleet.contracting import await_end_of_old_code, retire_old_code
from ..fleet.database_snapshot import snapshot_database
from ..fleet.lock import await_locks, lock_of
from ..fleet.versions import known_versions
from ..hosts import site
from ..hosts.management import open_management
from ..hosts.pending_migrations import ask_contracting
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.plain import duration
from ..runtime.run import Run
from ..runtime.waiting import Waiting


def contract(run: Run, now: bool = False) -> None:
    """Run the contracting migrations of the release that serves; `now`: although it could still be rolled back.

    Raises Refused while old code runs, or where they would break the release that serves; nothing was changed then.
    """
    await_locks(run)
    instance, host = open_management(run)
    with host:
        revision, pending = _pending(run, instance, host)
        if not pending.waiting:
            run.out.say("no migration waits")
            _over(run, instance)
            return
        left = _left(run, pending.delay)
        if left and not now:
            raise Refused(
                f"the rollout can still be rolled back for {duration(left)} (app.rollback_window), and afterwards no longer;"
                " nothing was changed. To run them now: contract --now"
            )
        _carry_out(run, instance, host, revision, pending)


def contract_in_ship(run: Run) -> None:
    """Wait until the window for a rollback is over, then run the contracting migrations."""

    def probe() -> bool | Waiting:
        left = _left(run, 0.0)
        return not left or Waiting(f"the rollout can be rolled back for {duration(left)}")

    run.wait(
        "the end of the rollback window",
        probe,
        timeout=run.settings.app.rollback_window + 60.0,
        every=max(2.0, run.settings.rollout.poll),
    )
    contract(run, now=True)


def _pending(run: Run, instance: Ec2Instance, host: Host) -> tuple[str, PendingMigrations]:
    """Return the revision that is checked out and verified, and its pending migrations; raises Refused."""
    revision = host.read(commands.recorded_revision(run.settings.app)).text
    verified = instances.with_ids(run.cloud, [instance.id])[0].tags.get(tags.REVISION, "")
    if not revision or revision != verified:
        raise Refused(
            f"{host.name} has {revision[:12] or 'no revision'} checked out, which is not verified: run deploy to its end"
        )
    run.journal.note(revision=revision, instance=instance.id)
    pending = ask_contracting(host, run.settings.app)
    for line in pending.lines:
        run.out.say(line)
    if pending.verdict == "incompatible":
        raise Refused(f"the migrations that wait would break {revision[:12]}, which serves; nothing was changed")
    return revision, pending


def _left(run: Run, delay: float) -> float:
    """Return for how many seconds the release that serves can still be rolled back; `delay`: marked on its migrations."""
    ended = []
    for name in run.settings.groups:
        found, live = known_versions(run.cloud, *fleets.observe(run.cloud, name))
        released = next((c.released for c in found if c.number == live), None)
        ended += [released.at + released.took] if released else []
    window = max(run.settings.app.rollback_window, delay)
    return left_of_window(max(ended, default=None), window, run.clock.now())


def _carry_out(run: Run, instance: Ec2Instance, host: Host, revision: str, pending: PendingMigrations) -> None:
    if run.dry:
        run.out.say(f"would see that no old code runs, and run {', '.join(pending.waiting)}")
        run.hooks.foresee("contract")
        return

    def prepare() -> None:
        # A snapshot that fails must not have ended the way back, and none is made where old code runs.
        await_end_of_old_code(run, pending.waiting, revision)
        snapshot_database(run, f"{revision}-contract")
        with ExitStack() as stack:
            for name in run.settings.groups:
                stack.enter_context(lock_of(run, name, "contract"))
            # From here on nothing goes back to old code: afterwards it is too late to look.
            retire_old_code(run, pending.waiting, revision)

    with run.step("contract"):
        site.migrate(run, host, prepare)
        _over(run, instance)
        site.require_deep_health(host, run.settings.app)
    run.out.say(f"done: {', '.join(pending.waiting)}")


def _over(run: Run, instance: Ec2Instance) -> None:
    if not run.dry:
        instances.untag(run.cloud, [instance.id], [tags.WAITING])
