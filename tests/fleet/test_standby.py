"""Members that others have set aside: in standby, or while their root volume is replaced."""

from collections.abc import Iterator

import pytest

from tasks.errors import Refused
from tasks.fleet.target import REFRESH
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials
from tests.worlds.standby import members, set_aside


@pytest.fixture(scope="module")
def world() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(2, least=1) as world:
            yield world


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def test_it_refuses_ignores_or_replaces_what_is_in_standby(world: RollingWorld) -> None:
    aside = set_aside(world)
    with pytest.raises(Refused, match=rf"{aside} is in Standby: .*set rollout\.standby to ignore or replace"):
        world.roll()
    with world.watched():
        world.roll(standby="ignore")
    assert f"{aside} is in Standby with version 1: it stays, and comes back with that version" in world.printed
    assert members(world, "Standby") == {aside: "1"} and set(members(world, "InService").values()) == {world.next}
    launches = world.launches()
    with world.watched():
        world.roll(standby="replace")
    assert f"terminate {aside} in standby, of another version" in world.printed
    world.assert_done(world.next)
    assert not members(world, "Standby") and world.launches() == launches, "nothing is launched for it"


def test_an_instance_whose_root_volume_is_replaced_does_not_count_and_goes_first(world: RollingWorld) -> None:
    id = world.staying()[0].id
    world.cloud.control("lifecycle", {"instance": id, "state": "ReplacingRootVolume:Wait"})
    world.roll("1")
    assert f"{id} does not serve (ReplacingRootVolume:Wait" in world.printed
    assert world.printed.rpartition("record run")[2].partition("terminate ")[2].startswith(id)
    world.assert_done("1")


def test_an_instance_refresh_does_the_same_with_what_is_in_standby() -> None:
    with rolling(2) as world:  # of its own: addresses of what was terminated are taken for a while
        aside = set_aside(world)
        world.roll(world.next, engine=REFRESH, standby="ignore")
        assert members(world, "Standby") == {aside: "1"}
        other = set_aside(world)
        world.roll("1", engine=REFRESH, standby="replace")
        world.cloud.wait(lambda: other not in members(world, "Standby"))
        assert members(world, "Standby") == {aside: "1"}, "that is of the version already"


def test_what_is_retained_is_named_and_not_waited_for() -> None:
    with rolling(2) as world:
        scaling = world.cloud.client("autoscaling")
        scaling.put_lifecycle_hook(
            LifecycleHookName="inspect", AutoScalingGroupName="web", LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            HeartbeatTimeout=30, DefaultResult="ABANDON",
        )  # fmt: skip
        policy = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
        scaling.update_auto_scaling_group(AutoScalingGroupName="web", InstanceLifecyclePolicy=policy)
        for version in (world.next, "1"):
            with world.watched():
                world.roll(version)
            assert set(world.versions()) == {version}
            world.cloud.wait(lambda: not members(world, "Terminating") and not members(world, "Terminating:Wait"))
        assert len(members(world, "Terminating:Retained")) == 4
        assert "Terminating:Retained, not waited for: terminate what was inspected" in world.printed
        world.assert_done("1", launches=4)
