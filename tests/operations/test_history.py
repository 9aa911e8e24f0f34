"""`history`, `rollback` and `unlock` on the stand-in cloud."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.access.locks import Holder, parameter, write
from tasks.decisions.release.image_names import description
from tasks.errors import Refused, RolledBack, SettingsError
from tasks.fleet.lock import await_locks, lock_of
from tasks.operations.history import history
from tasks.operations.rollback import rollback
from tasks.operations.unlock import unlock
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials

REVISION = "c0ffee" + "0" * 34


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture
def world(keys: None) -> Iterator[RollingWorld]:
    with rolling(2) as built:
        yield built


def call(task: Any, world: RollingWorld, *, dry: bool = False, **options: Any) -> str:
    mark = len(world.printed)
    task(world.run(dry=dry), **options)
    return world.printed[mark:]


def ours(world: RollingWorld, revision: str = REVISION) -> str:
    """Make a version as `bake-ami` does."""
    ec2 = world.cloud.client("ec2")
    tags = {"ramped:site": "shop", "ramped:at": "2026-01-02T03:04:05Z", "ramped:by": "ann@desk"}
    image = world.cloud.build_image(f"ours-{revision[:6]}", "v2")
    ec2.create_tags(Resources=[image], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    made = ec2.create_launch_template_version(
        LaunchTemplateId=world.fleet.template,
        SourceVersion="1",
        VersionDescription=description(revision, image),
        LaunchTemplateData={"ImageId": image},
    )
    return str(made["LaunchTemplateVersion"]["VersionNumber"])


def half_way(world: RollingWorld) -> None:
    world.when("terminate i-", interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.roll()


def interrupt() -> None:
    raise KeyboardInterrupt


def test_history_tells_where_each_version_came_from_and_what_is_gone(world: RollingWorld) -> None:
    number = ours(world)
    world.cloud.client("ec2").deregister_image(ImageId=world.image)
    shown = call(history, world)
    rows = {line.split()[0]: line for line in shown.splitlines() if line[:1].isdecimal()}
    assert list(rows) == [number, "2", "1"]
    assert REVISION[:12] in rows[number] and "2026-01-02T03:04:05Z  ann@desk" in rows[number]
    assert "gone" in rows["2"] and "not ours" in rows["1"] and "gone" not in rows["1"]
    assert rows["1"].endswith("live, default")
    assert [line.split()[0] for line in call(history, world, limit=1).splitlines()][-1] == number
    with pytest.raises(SettingsError, match="--limit: found 0"):
        call(history, world, limit=0)


def test_rollback_goes_to_the_version_before_or_to_a_revision(world: RollingWorld) -> None:
    number = ours(world)
    later = world.cloud.new_version(world.fleet, world.image)
    with pytest.raises(Refused, match=f"no version of ours before 1 has served and has its image still; there are: {later}"):
        call(rollback, world)
    world.roll(later, check_revision=False)
    assert "would go from version" in call(rollback, world, dry=True)
    world.assert_done(later)
    run = world.run()
    assert not run.settings.rollout.check_revision
    with world.watched():
        call(rollback, world)
    world.assert_done(number, launches=4)
    call(rollback, world, to="1")
    world.assert_done("1", launches=6)
    call(rollback, world, to="C0FFEE")
    world.assert_done(number, launches=8)


def test_rollback_turns_a_rollout_back_that_is_half_way(world: RollingWorld) -> None:
    half_way(world)
    planned = call(rollback, world, dry=True)
    assert "roll back to version 1: by hand" in planned and "point the group at version 1" in planned
    with pytest.raises(Refused, match="a rollout from version 1 to 2 is under way: `rollback` alone turns it back"):
        call(rollback, world, to="2")
    with world.watched():
        run = world.run()
        rollback(run, "1")
    assert "version 2 was rolled back to 1" in world.printed
    assert (run.journal.facts["from_versions"], run.journal.facts["to_versions"]) == ("web=2", "web=1")
    world.assert_done("1")


def test_a_turn_that_was_interrupted_goes_on_as_rollback_and_as_rollout(world: RollingWorld) -> None:
    half_way(world)
    world.when("roll back to version 1", interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(rollback, world)
    world.when("point the group at version 1", interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(rollback, world)
    with pytest.raises(RolledBack):
        world.roll()
    world.assert_done("1")


def held(world: RollingWorld, **more: Any) -> None:
    holder = replace(Holder("t", "ann@desk", "rollout to version 7", "elsewhere", os.getpid(), since=1_800_000_000.0), **more)
    world.cloud.client("ssm").put_parameter(Name=parameter("web"), Value=write(holder), Type="String", Overwrite=True)


def test_a_lock_is_shown_and_removed_by_force_only(world: RollingWorld) -> None:
    assert "not locked" in call(unlock, world)
    held(world)
    with pytest.raises(Refused, match="web: held as shown; `unlock --force` removes it"):
        call(unlock, world)
    assert "held by ann@desk" in world.printed and "(rollout to version 7), since 2027-01-15 08:00:00 UTC" in world.printed
    assert "web: remove the lock" in call(unlock, world, dry=True, force=True) and world.locks()
    assert "web: remove the lock" in call(unlock, world, force=True)
    assert not world.locks()


def test_a_run_waits_for_the_lock_as_long_as_it_may(world: RollingWorld) -> None:
    await_locks(world.run(lock_wait=60))
    held(world)
    world.when("held by ann@desk", lambda: lock_of(world.run(), "web", "the test").remove())
    world.roll(lock_wait=60)
    world.assert_done(world.next)
    held(world, token="another")
    with pytest.raises(Refused, match=r"the lock of web: not free within 1 s, held by ann@desk.*Wait longer") as caught:
        world.roll("1", lock_wait=1)
    assert str(caught.value).count("ann@desk") == 1
    assert world.versions() == [world.next] * 2


def test_an_expired_lock_is_removed(world: RollingWorld) -> None:
    held(world, lease=-1.0)
    assert "ran out" in call(unlock, world)
    assert not world.locks()
