"""A look at the fleet waits for AWS three times, however many instances there are; and it is never an old look."""

import io
from collections.abc import Iterator
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
    assert calls.rounds <= GOAL, calls.spans
    assert len(calls.spans) < 30


def test_rounds_are_the_longest_chain() -> None:
    assert Calls([(0, 1), (0.1, 1.1), (1, 2), (1.2, 2.5), (2.6, 3)]).rounds == 3
    assert Calls([(0, 5), (1, 2), (3, 4)]).rounds == 2
    assert Calls().rounds == 0


def test_outside_of_a_look_every_question_is_asked_and_within_it_may_be_asked_again(
    world: RollingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch)
    cloud = world.run().cloud
    with watched(0.0) as calls:
        for _ in range(2):
            autoscaling.group(cloud, "web")
        assert len(calls.spans) == 2
        with cloud.one_look():
            first = autoscaling.group(cloud, "web")
            assert autoscaling.group(cloud, "web") == first
            assert len(calls.spans) == 3
            world.cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=4)
            before = len(calls.spans)
            assert autoscaling.group(cloud, "web").desired == first.desired
            assert len(calls.spans) == before
            cloud.look_again()
            assert autoscaling.group(cloud, "web").desired == 4
