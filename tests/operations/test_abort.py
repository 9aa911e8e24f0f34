"""`abort` on the stand-in cloud: after an interruption, after kills of its own, beside others."""

import random
from collections.abc import Iterator

import pytest

from tasks.errors import Refused
from tasks.operations.abort import end_runs
from tasks.operations.rollback import rollback
from tasks.operations.status import show
from tests.worlds.forked_operators import Operators, operators
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def interrupt() -> None:
    raise KeyboardInterrupt


def half_way(world: RollingWorld, at: str = "terminate i-") -> None:
    world.when(at, interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.roll()


def abort(world: RollingWorld, *, dry: bool = False) -> str:
    mark = len(world.printed)
    end_runs(world.run(dry=dry), (world.fleet.group,))
    return world.printed[mark:]


@pytest.fixture
def world(keys: None) -> Iterator[RollingWorld]:
    # One zone: after a part was new, no choice of old instances may leave several even, and AZRebalance, which counts what
    # is in service and not what is healthy, would begin as soon as it is resumed.
    with rolling(3, zones=1) as built:
        yield built


def test_what_was_interrupted_is_ended_where_it_is_and_can_be_taken_up_again(world: RollingWorld) -> None:
    with world.watched():
        half_way(world, "protect i-")
        told = abort(world)
        assert "abort the rollout to version 2" in told and "point the group at version 1, desired 4" in told
        assert "no rollout of web is under way" in told and "it launches version 1" in told
        assert world.shape() == world.before and not world.locks() and world.group().version == "1"
        world.roll()
    world.assert_done(world.next)


def test_a_dry_run_shows_it_and_does_nothing(world: RollingWorld) -> None:
    half_way(world)
    before = world.shape()
    told = abort(world, dry=True)
    assert "web: abort the rollout to version 2" in told and "web: drop the run's tags" in told
    assert world.shape() == before


def test_without_a_rollout_nothing_is_written(world: RollingWorld) -> None:
    world.cloud.control("calls/clear", {})
    assert "no rollout of web is under way: 3 of version 1" in abort(world)
    changes = [one["action"] for one in world.cloud.control("calls")["changes"]]
    assert set(changes) <= {"ssm:PutParameter", "ssm:DeleteParameter"}


def test_another_operator_is_named(world: RollingWorld) -> None:
    def beside() -> None:
        with pytest.raises(Refused, match="rollout to version 2"):
            abort(world)

    world.when("terminate i-", beside)
    world.roll()
    world.assert_done(world.next)


def test_an_abort_that_was_cut_off_is_ended_before_anything_else(world: RollingWorld) -> None:
    half_way(world)
    world.when("point the group at version 1", interrupt)
    with pytest.raises(KeyboardInterrupt):
        abort(world)
    for begin in (world.roll, lambda: rollback(world.run())):
        with pytest.raises(Refused, match="web: the rollout to version 2 is being aborted: run `abort` again"):
            begin()
    show(world.run())
    assert "the rollout to version 2 is being aborted, or the abort was interrupted; `abort` continues it" in world.printed
    abort(world)
    assert world.shape() == world.before and not world.locks()


def launching(world: RollingWorld, forks: Operators, to: str) -> None:
    """Leave a rollout dead in the middle: all that is ours is there, and an instance has been replaced."""
    writes = forks.roll(world, to, kill=8, when="after")
    assert writes["signal"] == 9, writes
    assert world.shape() != world.before


def aborted(world: RollingWorld, forks: Operators, to: str, number: int, when: str) -> bool:
    """Abort a rollout, killed at a write, and again; return whether there were that many writes."""
    at = world.group().version
    launching(world, forks, to)
    first = forks.roll(world, None, kill=number, when=when)
    assert (first["signal"], first["code"]) in ((9, 0), (0, 0)), first
    again = forks.roll(world, None)
    assert (again["signal"], again["code"]) == (0, 0), (number, when)
    assert world.shape() == world.before and not world.locks() and world.group().version == at, (number, when)
    return bool(first["signal"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_some_write_it_ends_as_if_undisturbed(when: str) -> None:
    """At another one in each run; `bash tests/run --all` tries all of them."""
    number = random.randint(1, 8)
    with rolling(2) as world, operators() as forks, world.watched():
        assert aborted(world, forks, world.next, number, when), number


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_it_ends_as_if_undisturbed(when: str) -> None:
    with rolling(2) as world, operators() as forks, world.watched():
        at, number = "1", 0
        while True:
            number += 1
            to = world.next if at == "1" else "1"
            killed = aborted(world, forks, to, number, when)
            rest = forks.roll(world, to)
            assert (rest["signal"], rest["code"]) == (0, 0)
            world.assert_done(to)
            at = to
            if not killed:
                break
        assert number >= 8, "an abort makes that many writes"
