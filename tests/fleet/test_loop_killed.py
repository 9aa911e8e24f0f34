"""A rollout that is killed before and after every single changing API call, and run again: as if it had not happened.

Real processes, SIGKILL, the real task; three clouds at a time, so that it takes less time.
"""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.worlds.forked_operators import Operators, operators
from tests.worlds.group_kinds import (
    LARGE,
    SMALL,
    SPOT,
    WEIGHTS,
    assert_only_the_version_differs,
    assert_scale_outs_are_of,
    mixed,
    policy,
    pool,
    pooled,
)
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials

SIZE = 2
WIDTH = 3


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


class Chain:
    """One group that is rolled to and fro; every rollout launches exactly as many as there are instances."""

    def __init__(self, world: RollingWorld, forks: Operators) -> None:
        self.world, self.forks = world, forks
        self.at, self.launched = "1", world.launches()

    def whole(self) -> int:
        """Roll undisturbed; return how many changing calls that took."""
        to = "2" if self.at == "1" else "1"
        with self.world.watched():
            done = self.forks.roll(self.world, to)
        assert (done["signal"], done["code"]) == (0, 0)
        self._assert_done(to)
        return int(done["writes"])

    def killed(self, number: int, when: str) -> None:
        to = "2" if self.at == "1" else "1"
        with self.world.watched():
            first = self.forks.roll(self.world, to, number, when)
            assert first["signal"] == 9 and first["writes"] == number, (first, number, when)
            # Nothing is waited for: the lock of the dead one is in the way of nobody.
            second = self.forks.roll(self.world, to)
        assert (second["signal"], second["code"]) == (0, 0), (number, when)
        self._assert_done(to)

    def _assert_done(self, version: str) -> None:
        self.world.assert_done(version)
        self.at, before = version, self.launched
        self.launched = self.world.launches()
        assert self.launched - before == SIZE


@pytest.fixture(scope="module")
def writes() -> int:
    """Return how many changing calls an undisturbed rollout makes."""
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(SIZE) as world, operators() as forks:
            return Chain(world, forks).whole()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_some_write_it_ends_as_if_undisturbed(when: str) -> None:
    """At another one in each run; `bash tests/run --all` tries all of them."""
    number = random.randint(1, 12)
    with rolling(SIZE) as world, operators() as forks:
        Chain(world, forks).killed(number, when)


KINDS = {"template": lambda: rolling(SIZE), "mixed": lambda: mixed(SMALL, LARGE, desired=SIZE, **SPOT)}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_it_ends_as_if_undisturbed(writes: int, when: str, kind: str) -> None:
    assert 12 <= writes <= 40

    def work(part: int) -> None:
        with KINDS[kind]() as world, operators() as forks:
            chain = Chain(world, forks)
            for number in range(1 + part, writes + 1, WIDTH):
                chain.killed(number, when)

    with ThreadPoolExecutor(WIDTH) as threads:
        list(threads.map(work, range(WIDTH)))


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_some_write_a_mixed_group_with_spot_ends_as_if_undisturbed(when: str) -> None:
    with mixed(SMALL, LARGE, desired=SIZE, **SPOT) as world, operators() as forks:
        before = policy(world)
        Chain(world, forks).killed(random.randint(1, 12), when)
        assert_only_the_version_differs(world, before, "2")


def test_killed_at_some_write_a_group_with_a_warm_pool_scales_out_with_the_new_version_alone() -> None:
    with pooled(SIZE) as world, operators() as forks:
        kill, when = random.randint(1, 12), random.choice(["before", "after"])
        with world.watched():
            first = forks.roll(world, world.next, kill, when)
            second = forks.roll(world, world.next)
        assert (first["signal"], second["signal"], second["code"]) == (9, 0, 0), (kill, when)
        world.assert_done(world.next)
        assert_scale_outs_are_of(world, world.next)


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_a_group_with_a_warm_pool_has_the_new_version_alone(when: str) -> None:
    with pooled(SIZE) as world, operators() as forks:
        number, to, killed = 0, "1", True
        while killed:
            number, to = number + 1, "1" if to == world.next else world.next
            with world.watched():
                first, second = forks.roll(world, to, number, when), forks.roll(world, to)
            assert (first["signal"], first["code"]) in ((9, 0), (0, 0)), (first, number)
            assert (second["signal"], second["code"]) == (0, 0), number
            world.assert_done(to)
            world.cloud.wait(lambda wanted=to: list(pool(world).values()) == [wanted] * 2)
            killed = bool(first["signal"])
        assert number > 8, "a rollout makes that many writes"


def weighted_killed(world: RollingWorld, forks: Operators, to: str, number: int, when: str) -> bool:
    """Roll a group with weights, killed at a write, and again; return whether there were that many writes."""
    first, second = forks.roll(world, to, number, when), forks.roll(world, to)
    assert (first["signal"], first["code"]) in ((9, 0), (0, 0)), (first, number, when)
    assert (second["signal"], second["code"]) == (0, 0), (number, when)
    assert world.group().version == to and set(world.versions()) == {to}, (number, when)
    sizes = ("sizes", "suspended", "protected")
    now = world.shape()
    assert {key: now[key] for key in sizes} == {key: world.before[key] for key in sizes}, (number, when)
    assert sum(member.weight for member in world.staying()) >= world.group().desired and not world.locks()
    return bool(first["signal"])


def test_killed_at_some_write_a_group_with_weights_ends_with_as_many_units() -> None:
    with mixed(*WEIGHTS, desired=8) as world, operators() as forks:
        weighted_killed(world, forks, world.next, random.randint(1, 12), random.choice(["before", "after"]))


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_a_group_with_weights_ends_with_as_many_units(when: str) -> None:
    with mixed(*WEIGHTS, desired=8) as world, operators() as forks:
        number = 1
        while weighted_killed(world, forks, "1" if world.group().version == world.next else world.next, number, when):
            number += 1
        assert number > 8, "a rollout makes that many writes"


LOSSES = ("PutParameter", "CreateOrUpdateTags", "SuspendProcesses", "UpdateAutoScalingGroup", "SetInstanceProtection",
          "TerminateInstanceInAutoScalingGroup", "ResumeProcesses", "DeleteTags")  # fmt: skip


def test_a_write_whose_answer_is_lost_does_no_harm() -> None:
    """botocore sends it again."""
    with rolling(SIZE) as world:
        world.cloud.control("faults", {"lost_answers": dict.fromkeys(LOSSES, 1)})
        with world.watched():
            world.roll()
        assert not any(world.cloud.control("faults")["lost_answers"].values())
        world.assert_done(world.next)
        assert world.group().desired == SIZE
