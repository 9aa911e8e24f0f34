"""Rollouts of a group with a warm pool: the pool is brought to the version too, and nothing else comes into service later."""

import pytest

from tasks.errors import RolledBack
from tasks.fleet.target import REFRESH
from tasks.operations.status import show
from tests.worlds.group_kinds import assert_scale_outs_are_of, pool, pooled
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


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
