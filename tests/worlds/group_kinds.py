"""Groups of other kinds than one launch template: a mixed-instances policy, a warm pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.worlds.rolling_world import RollingWorld, rolling

SMALL, LARGE = {"InstanceType": "t3.small"}, {"InstanceType": "t3.large"}
SPOT = {"OnDemandBaseCapacity": 1, "OnDemandPercentageAboveBaseCapacity": 0, "SpotAllocationStrategy": "price-capacity-optimized"}
WEIGHTS = (LARGE | {"WeightedCapacity": "4"}, SMALL | {"WeightedCapacity": "1"})


@contextmanager
def mixed(*overrides: dict[str, Any], desired: int = 3, **distribution: Any) -> Iterator[RollingWorld]:
    launch = {"LaunchTemplateSpecification": {"LaunchTemplateName": "web", "Version": "1"}, "Overrides": list(overrides)}
    with rolling(desired, MixedInstancesPolicy={"LaunchTemplate": launch, "InstancesDistribution": distribution}) as world:
        yield world


def policy(world: RollingWorld) -> Any:
    return world.cloud.group()["MixedInstancesPolicy"]


def assert_only_the_version_differs(world: RollingWorld, before: Any, version: str) -> None:
    now = policy(world)
    assert now["LaunchTemplate"].pop("LaunchTemplateSpecification")["Version"] == version
    expected = {**before, "LaunchTemplate": {"Overrides": before["LaunchTemplate"]["Overrides"]}}
    assert now == expected


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
