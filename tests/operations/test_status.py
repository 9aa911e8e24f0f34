"""`status`: what it shows of a fleet, at rest and half-way."""

import json
from collections.abc import Iterator

import pytest

from tasks.errors import Refused
from tasks.operations.status import show
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[RollingWorld]:
    credentials(monkeypatch)
    with rolling(2) as running:
        yield running


def test_instances_sizes_and_what_is_amiss(world: RollingWorld) -> None:
    asg = world.cloud.client("autoscaling")
    asg.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance"])
    one, other = world.cloud.members()
    asg.set_instance_protection(AutoScalingGroupName="web", InstanceIds=[one], ProtectedFromScaleIn=True)
    world.cloud.control("calls/clear", {})
    show(world.run())
    text = world.printed
    assert "web: desired 2 (min 0, max 10), template version 1" in text
    lines = {id: next(line for line in text.splitlines() if id in line) for id in (one, other)}
    assert "InService, protected" in lines[one] and "healthy" in lines[one]
    assert "protected" not in lines[other] and "eu-central-1" in lines[other]
    assert "suspended: AZRebalance (User suspended at" in text
    assert "management instance: none; management-create makes one" in text
    mark = len(world.printed)
    show(world.run(), json=True)
    found = json.loads(world.printed[mark:])
    (group,) = found["groups"]
    assert (group["group"], group["desired"], group["min"], group["max"], group["version"]) == ("web", 2, 0, 10, "1")
    shown = {seen["instance"]: seen for seen in group["instances"]}
    assert [shown[id]["protected"] for id in (one, other)] == [True, False]
    assert shown[one]["targets"] == ["healthy"] and shown[one]["state"] == "InService" and shown[one]["launched"].endswith("Z")
    assert any(line.startswith("suspended: AZRebalance") for line in group["remarks"]) and found["management"] is None
    assert world.cloud.control("calls")["changes"] == []


def test_a_rollout_that_was_stopped_and_its_way_back(world: RollingWorld) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    world.when("terminate i-", stop)
    with pytest.raises(KeyboardInterrupt):
        world.roll()
    show(world.run())
    assert (
        "a rollout from version 1 to 2 is under way or was interrupted: 2 of 2 instances are left; `rollout` continues it"
        in world.printed
    )
    world.cloud.control("faults", {"images": {world.image: "error"}})
    world.cloud.wait(lambda: len(world.cloud.healthy(world.fleet)) == 2)
    world.when("point the group at version 1", stop)
    with pytest.raises(KeyboardInterrupt):
        world.roll(instance_timeout=2)
    show(world.run())
    assert "a rollout back from version 2 to 1 is under way or was interrupted: 1 of 2 instances are left" in world.printed


def test_a_group_that_is_not_there_is_named(world: RollingWorld) -> None:
    world.cloud.standin.world.scaling.groups.all.pop("web")
    with pytest.raises(Refused, match="no Auto Scaling group web"):
        show(world.run())
