"""Killed before and after every single changing call, and run again: groups of workers, and instances in standby."""

import random
from collections.abc import Iterator

import pytest

from tests.worlds.forked_operators import Operators, operators
from tests.worlds.jobs_world import GROUP, Jobs, jobs_in
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials
from tests.worlds.standby import members, set_aside

WRITES = 12  # no rollout makes fewer


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


# -- workers


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    with jobs_in(tmp_path_factory) as built:
        yield built


def workers_killed(jobs: Jobs, forks: Operators, number: int, when: str) -> bool:
    """Roll the workers to the other version, killed at a write, and again; return whether there were that many writes."""
    to, cloud = "1" if jobs.versions() == ["2", "2"] else "2", jobs.world.cloud
    launched, settings = jobs.launches(), jobs.run().settings
    with jobs.coming(every=1.0):
        first, second = forks.order(settings, to, number, when), forks.order(settings, to)
    assert (first["signal"], first["code"]) in ((9, 0), (0, 0)), (first, number, when)
    assert (second["signal"], second["code"]) == (0, 0), (number, when)
    group = cloud.group(GROUP)
    assert jobs.versions() == [to, to] and group["LaunchTemplate"]["Version"] == to, (number, when)
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (0, 2, 9) and not group["SuspendedProcesses"]
    assert not any(tag["Key"] in ("ramped:rollout", "ramped:returning") for tag in group["Tags"])
    assert not any(m["ProtectedFromScaleIn"] for m in group["Instances"])
    assert jobs.launches() == launched + 2, (number, when)
    jobs.assert_none_is_lost()
    return bool(first["signal"])


def test_killed_at_some_write_a_group_of_workers_loses_no_task(jobs: Jobs) -> None:
    with operators() as forks:
        workers_killed(jobs, forks, random.randint(1, WRITES), random.choice(["before", "after"]))


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_write_a_group_of_workers_loses_no_task(jobs: Jobs, when: str) -> None:
    with operators() as forks:
        number = 1
        while workers_killed(jobs, forks, number, when):
            number += 1
        assert number > WRITES


# -- standby


def standby_killed(world: RollingWorld, forks: Operators, number: int, when: str, *, replaced: bool) -> bool:
    """Roll a group with an instance in standby, killed at a write, and again; return whether there were that many writes."""
    version = world.group().version
    to = "1" if version == world.next else world.next
    aside, standby = set_aside(world), "replace" if replaced else "ignore"
    launched = world.launches()
    with world.watched():
        first = forks.roll(world, to, number, when, standby=standby)
        second = forks.roll(world, to, standby=standby)
    assert (first["signal"], first["code"]) in ((9, 0), (0, 0)), (first, number, when)
    assert (second["signal"], second["code"]) == (0, 0), (number, when)
    assert members(world, "Standby") == ({} if replaced else {aside: version}), (number, when)
    assert world.launches() == launched + 2, "nothing is launched for what is in standby"
    if not replaced:
        scaling = world.cloud.client("autoscaling")
        scaling.terminate_instance_in_auto_scaling_group(InstanceId=aside, ShouldDecrementDesiredCapacity=False)
    world.cloud.wait(lambda: not members(world, "Standby"))
    world.assert_done(to)
    return bool(first["signal"])


def test_killed_at_some_write_what_is_in_standby_is_dealt_with_as_set() -> None:
    with rolling(2, least=1) as world, operators() as forks:
        number, when = random.randint(1, WRITES), random.choice(["before", "after"])
        standby_killed(world, forks, number, when, replaced=random.random() < 0.5)


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replace", "ignore"])
def test_killed_at_every_write_what_is_in_standby_is_dealt_with_as_set(when: str, replaced: bool) -> None:
    with rolling(2, least=1) as world, operators() as forks:
        number = 1
        while standby_killed(world, forks, number, when, replaced=replaced):
            number += 1
        assert number > WRITES
