"""A snapshot of the database before its migrations."""

from __future__ import annotations

from ..aws import databases
from ..decisions.release.snapshots import Database, Snapshot, database_of, snapshot_name, snapshot_tags, to_use_again
from ..errors import DeployError
from ..runtime.operator import who
from ..runtime.run import Run
from ..runtime.waiting import Waiting

_POLL = 10.0  # seconds; a snapshot takes minutes


def snapshot_database(run: Run, revision: str) -> None:
    """Make a snapshot of `database.snapshot`, and wait until it is available; a run that is repeated uses it again.

    Raises Refused, DeployError when it fails, TimedOut. Source: CreateDBSnapshot (RDS API).
    """
    setting = run.settings.database.snapshot
    if setting is None:
        return
    database, now = database_of(setting), run.clock.now()
    there = to_use_again(databases.snapshots(run.cloud, database), revision, now)
    name = there.name if there else snapshot_name(database, revision, now)
    if there:
        run.out.say(f"snapshot {name} of {database} is {there.status}: using it again")
    else:
        databases.create(run.cloud, database, name, snapshot_tags(run.settings.image.name, revision, who()))
        run.out.say(f"snapshot {name} of {database} begun")
    _available(run, database, name)
    run.journal.note(snapshot=name)


def _available(run: Run, database: Database, name: str) -> None:
    def probe() -> Snapshot | Waiting:
        found = next((one for one in databases.snapshots(run.cloud, database) if one.name == name), None)
        if found and found.status == "available":
            return found
        if found and found.status not in ("creating", "pending"):
            raise DeployError(f"snapshot {name} of {database} is {found.status}: nothing was migrated; run the same again")
        return Waiting(f"{name} is {found.status if found else 'not shown by RDS yet'}")

    wanted = run.settings
    run.wait(f"snapshot {name}", probe, timeout=wanted.database.timeout, every=min(_POLL, 2 * wanted.rollout.poll))
