"""Rollouts of groups with a mixed-instances policy: types, weights, Spot; by both engines. Each world serves several checks."""

import pytest

from tasks.errors import Refused
from tasks.fleet.target import REFRESH
from tests.worlds.group_kinds import LARGE, SMALL, SPOT, WEIGHTS, assert_only_the_version_differs, mixed, policy
from tests.worlds.rolling_world import RollingWorld
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def units(world: RollingWorld) -> int:
    return sum(member.weight for member in world.staying())


@pytest.mark.parametrize("engine", ["ramped", REFRESH])
def test_a_version_is_named_and_nothing_else_of_the_policy_changes(engine: str) -> None:
    with mixed(SMALL, LARGE, **SPOT) as world:
        before = policy(world)
        with world.watched():
            world.roll(engine=engine)
        assert_only_the_version_differs(world, before, world.next)
        assert world.group().version == world.next and set(world.versions()) == {world.next}


def test_a_bad_version_goes_back_and_the_policy_is_as_before() -> None:
    from tasks.errors import RolledBack

    with mixed(SMALL, LARGE, **SPOT) as world:
        before = policy(world)
        world.cloud.control("faults", {"images": {world.image: "error"}})
        with world.watched(), pytest.raises(RolledBack):
            world.roll(instance_timeout=2)
        assert policy(world) == before
        world.assert_done("1")


def test_desired_counts_weights_and_that_much_serves_all_the_while() -> None:
    with mixed(*WEIGHTS, desired=8) as world:
        # From now on there are light ones only.
        world.cloud.control("faults", {"no_capacity": -1, "no_capacity_types": ["t3.large"]})
        serving = []
        world.when("terminate i-", lambda: serving.append(units(world)))
        world.roll(surge="25%")
        assert "surge 7" in world.printed, "one of weight 4, and what a launch may exceed desired by"
        assert "lower desired to 8" in world.printed
        group = world.group()
        assert group.desired == 8 and set(world.versions()) == {world.next} and units(world) >= 8
        assert min(serving) >= 8 and group.suspended == {} and not any(m.protected for m in world.staying())
        before = policy(world)
        world.roll("1", engine=REFRESH)
        assert_only_the_version_differs(world, before, "1")
        assert set(world.versions()) == {"1"} and world.group().desired == 8 and units(world) >= 8


def test_an_interrupted_spot_instance_is_no_reason_to_go_back() -> None:
    with mixed(SMALL, desired=2, OnDemandPercentageAboveBaseCapacity=0) as world:
        world.cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", CapacityRebalance=True)

        def interrupt() -> None:
            new = next(m.id for m in world.group().members if m.version == world.next)
            world.cloud.control("interrupt", {"instance": new})

        def recommend() -> None:
            world.cloud.control("interrupt", {"instance": world.cloud.members()[0], "recommended": True})

        world.when("1 new, 2 old", interrupt)
        world.when("terminate i-", recommend)
        world.roll(max_failures=1, warm_up=0.5)
        assert set(world.versions()) == {world.next} and world.group().desired == 2, world.printed
        world.when("InProgress", recommend)
        world.roll("1", engine=REFRESH)
        assert set(world.versions()) == {"1"} and world.group().desired == 2, world.printed


def test_overrides_of_their_own_are_refused_by_name() -> None:
    with mixed(SMALL, desired=1) as world:
        before = policy(world)["LaunchTemplate"]
        named = {"LaunchTemplateId": world.fleet.template, "Version": "1"}
        own = [SMALL, LARGE | {"LaunchTemplateSpecification": named}, {"InstanceType": "t3.nano", "ImageId": world.image}]
        change = world.cloud.client("autoscaling").update_auto_scaling_group
        change(
            AutoScalingGroupName="web",
            MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": named, "Overrides": own}},
        )
        with pytest.raises(Refused, match=rf"t3\.large: launch template {world.fleet.template}, .*t3\.nano: image {world.image}"):
            world.roll()
        assert world.versions() == ["1"] and before["LaunchTemplateSpecification"]["Version"] == "1"


def test_requirements_instead_of_types() -> None:
    wanted = {"VCpuCount": {"Min": 2, "Max": 2}, "MemoryMiB": {"Min": 4096, "Max": 4096}}
    with mixed({"InstanceRequirements": wanted}, desired=2) as world:
        before = policy(world)
        world.roll()
        assert_only_the_version_differs(world, before, world.next)
        assert world.versions() == [world.next] * 2
        world.roll("1", engine=REFRESH)
        assert policy(world) == before and world.versions() == ["1"] * 2
