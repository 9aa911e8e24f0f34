"""Rollouts of a group with a warm pool: the pool is brought to the version too, and nothing else comes into service later."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks.errors import RolledBack
from tasks.fleet.target import REFRESH
from tasks.operations.status import show
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def pool(world: RollingWorld) -> dict[str, str]:
    shown = world.cloud.client("autoscaling").describe_warm_pool(AutoScalingGroupName="web")["Instances"]
    alive = [one for one in shown if one["LifecycleState"] != "Warmed:Terminating"]
    return {one["InstanceId"]: one["LaunchTemplate"]["Version"] for one in alive}


@contextmanager
def pooled(desired: int = 2, *, reuse: bool = False, takes: str = "oldest") -> Iterator[RollingWorld]:
    with rolling(desired, standin={"boot": 0.05, "warm_pool_takes": takes}) as world:
        scaling = world.cloud.client("autoscaling")
        scaling.put_warm_pool(
            AutoScalingGroupName="web", MinSize=2, MaxGroupPreparedCapacity=0, InstanceReusePolicy={"ReuseOnScaleIn": reuse}
        )
        ready = ["Warmed:Stopped"] * 2
        show_pool = scaling.describe_warm_pool
        world.cloud.wait(lambda: [one["LifecycleState"] for one in show_pool(AutoScalingGroupName="web")["Instances"]] == ready)
        yield world


def assert_scale_outs_are_of(world: RollingWorld, version: str) -> None:
    # EC2 has ended the others; the group notices by its health checks.
    world.cloud.wait(lambda: list(pool(world).values()) == [version] * 2)
    size = world.group().desired + 3
    world.cloud.client("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=size)
    world.cloud.wait(lambda: len(world.cloud.healthy(world.fleet)) == size)
    assert set(world.versions()) == {version}


@pytest.mark.parametrize(("reuse", "takes"), [(False, "oldest"), (True, "any")])
def test_the_pool_goes_to_the_version_too(reuse: bool, takes: str) -> None:
    with pooled(reuse=reuse, takes=takes) as world:
        with world.watched():
            world.roll(instance_timeout=120)
        assert "in the warm pool, of another version; the group fills it up again" in world.printed
        assert_scale_outs_are_of(world, world.next)


def test_a_bad_version_leaves_the_pool_again() -> None:
    with pooled(1) as world:
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched(), pytest.raises(RolledBack):
            world.roll(instance_timeout=3)
        assert_scale_outs_are_of(world, "1")


def test_a_pool_that_is_behind_is_shown_and_ended_by_the_next_rollout() -> None:
    with pooled(1) as world:
        template = {"LaunchTemplateId": world.fleet.template, "Version": world.next}
        scaling = world.cloud.client("autoscaling")
        scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate=template)
        for id in pool(world):
            world.cloud.client("ec2").terminate_instances(InstanceIds=[id])
        world.cloud.wait(lambda: list(pool(world).values()) == [world.next] * 2)
        scaling.update_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate={**template, "Version": "1"})
        show(world.run())
        assert f"(version {world.next}), not version 1: a scale-out brings it into service" in world.printed
        world.roll(to="1")
        assert_scale_outs_are_of(world, "1")


def test_an_instance_refresh_does_it_by_itself() -> None:
    with pooled() as world:
        world.roll(engine=REFRESH, instance_timeout=120)
        assert_scale_outs_are_of(world, world.next)
