"""A look at the fleet waits for AWS three times, however many instances there are; and it is never an old look."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tasks.aws import autoscaling
from tasks.runtime.output import Output
from tests.benchmarks.round_trips import GOAL, LOOKS, Calls, measure, watched
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(scope="module")
def world() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(5) as built:
            yield built


@pytest.mark.parametrize("name", LOOKS)
def test_three_round_trips(world: RollingWorld, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    out = io.StringIO()
    run = replace(world.run(dry=True, smoke_boot=True), out=Output(out, out))
    calls, _ = measure(run, LOOKS[name])
    assert calls.rounds <= GOAL, calls.places
    assert len(calls.places) < 30


def test_rounds_are_the_longest_chain(world: RollingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)
    cloud = world.run().cloud

    def ask() -> None:
        autoscaling.group(cloud, "web")

    ask()  # the client is made
    with watched() as calls:
        ask()
        assert calls.places == [1]
        with ThreadPoolExecutor() as pool:
            for one in [pool.submit(ask) for _ in range(3)]:
                one.result()
            assert calls.places == [1, 2, 2, 2]
            ask()  # after the results of those
            pool.submit(ask)
        ask()  # the pool has ended, so that was waited for
    assert calls.places == [1, 2, 2, 2, 3, 4, 5] and calls.rounds == 5
    assert Calls().rounds == 0


def test_outside_of_a_look_every_question_is_asked_and_within_it_may_be_asked_again(
    world: RollingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch)
    cloud = world.run().cloud
    with watched() as calls:
        for _ in range(2):
            autoscaling.group(cloud, "web")
        assert len(calls.places) == 2
        with cloud.one_look():
            first = autoscaling.group(cloud, "web")
            assert autoscaling.group(cloud, "web") == first
            assert len(calls.places) == 3
            world.cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
            before = len(calls.places)
            assert autoscaling.group(cloud, "web").desired == first.desired
            assert len(calls.places) == before
            cloud.look_again()
            assert autoscaling.group(cloud, "web").desired == 4
