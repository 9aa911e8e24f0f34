"""The snapshot before migrations, against the stand-in's RDS."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tasks.aws.databases import snapshots
from tasks.decisions.release.snapshots import database_of
from tasks.errors import DeployError, Refused
from tasks.fleet.database_snapshot import snapshot_database
from tasks.runtime.run import Run
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials

REVISION = "c0ffee" + "0" * 34


@pytest.fixture(scope="module")
def world() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(1) as made:
            rds = made.cloud.client("rds")
            rds.create_db_instance(
                DBInstanceIdentifier="shop", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20
            )
            rds.create_db_cluster(
                DBClusterIdentifier="aurora", Engine="aurora-postgresql", MasterUsername="shop", MasterUserPassword="rehearsal"
            )
            yield made


def run_with(world: RollingWorld, snapshot: str | None) -> Run:
    run = world.run()
    return replace(run, settings=replace(run.settings, database=replace(run.settings.database, snapshot=snapshot)))


def test_without_the_setting_rds_is_not_asked(world: RollingWorld) -> None:
    before = world.cloud.control("calls")["total"]
    snapshot_database(run_with(world, None), REVISION)
    assert world.cloud.control("calls")["total"] == before


@pytest.mark.parametrize("setting", ["shop", "cluster:aurora"])
def test_a_snapshot_is_made_awaited_and_used_again_for_the_same_release(world: RollingWorld, setting: str) -> None:
    run = run_with(world, setting)
    snapshot_database(run, REVISION)
    (made,) = snapshots(world.api, database_of(setting))
    assert (made.status, made.tags["ramped:site"], made.tags["ramped:revision"]) == ("available", "shop", REVISION)
    assert run.journal.facts["snapshot"] == made.name and made.name.startswith(f"ramped-{database_of(setting).name}-c0ffee")
    snapshot_database(run, REVISION)
    assert snapshots(world.api, database_of(setting)) == [made] and "using it again" in world.printed
    snapshot_database(run, "1" * 40)
    assert len(snapshots(world.api, database_of(setting))) == 2


def test_what_cannot_be_is_said_before_anything_is_migrated(world: RollingWorld) -> None:
    with pytest.raises(Refused, match="database.snapshot: there is no database gone in eu-central-1"):
        snapshot_database(run_with(world, "gone"), REVISION)
    with pytest.raises(Refused, match="there is no cluster gone"):
        snapshot_database(run_with(world, "cluster:gone"), REVISION)
    world.cloud.control("options", {"database_snapshots_fail": True})
    try:
        with pytest.raises(DeployError, match="is failed: nothing was migrated"):
            snapshot_database(run_with(world, "shop"), "2" * 40)
    finally:
        world.cloud.control("options", {"database_snapshots_fail": False})
