"""What a rollout refuses, or only plans: one group for all of it, for it stays as it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.decisions.access.locks import Holder, parameter, write
from tasks.errors import Refused, SettingsError
from tasks.fleet.target import REFRESH
from tasks.operations.rollout import rollout
from tests.worlds.rolling_world import ALARM, RollingWorld, alarm, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def fleet() -> Iterator[RollingWorld]:
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(3, most=3) as world:
            yield world


@pytest.fixture
def world(fleet: RollingWorld, keys: None) -> Iterator[RollingWorld]:
    """The group of all these tests, which must be left as it was, with every instance that it had."""
    members = fleet.cloud.members()
    fleet.cloud.control("calls/clear", {})
    yield fleet
    fleet.cloud.control("faults", {"denied": []})
    assert fleet.shape() == fleet.before and fleet.versions() == ["1"] * 3
    assert fleet.cloud.members() == members and not fleet.locks()
    assert fleet.cloud.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName="web")["InstanceRefreshes"] == []


def written(world: RollingWorld) -> set[str]:
    return {call["action"] for call in world.cloud.control("calls")["changes"]}


def tag(world: RollingWorld, key: str, value: str) -> list[dict[str, Any]]:
    made = [{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": key, "Value": value, "PropagateAtLaunch": True}]
    world.cloud.client("autoscaling").create_or_update_tags(Tags=made)
    world.cloud.control("calls/clear", {})
    return made


@pytest.mark.parametrize("engine", ["ramped", REFRESH])
def test_a_version_that_may_not_be_launched(world: RollingWorld, engine: str) -> None:
    world.cloud.control("faults", {"denied": ["RunInstances"]})
    with pytest.raises(Refused, match=r"version 2 could not be launched: .* not authorized to perform: ec2:RunInstances"):
        world.roll(engine=engine, raise_max=True)
    assert written(world) == {"ec2:RunInstances"}


def test_a_group_that_makes_every_instance_a_management_instance(world: RollingWorld) -> None:
    tags = tag(world, "ramped:role", "management")
    with pytest.raises(Refused, match="its instances are tagged ramped:role=management, so each would run the jobs"):
        world.roll()
    assert written(world) <= {"ec2:RunInstances"}
    world.cloud.client("autoscaling").delete_tags(Tags=tags)


def test_draining_that_may_outlast_the_timeout_is_said(world: RollingWorld) -> None:
    def delay(seconds: int) -> None:
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}]
        elb = world.cloud.client("elbv2")
        elb.modify_target_group_attributes(TargetGroupArn=world.fleet.target_group, Attributes=attributes)

    delay(400)
    world.roll(dry=True)
    assert "web drains up to 400 s and there are 3 batches" in world.printed
    delay(5)


def test_no_room_below_max_where_max_may_not_be_raised(world: RollingWorld) -> None:
    with pytest.raises(Refused, match="no room for a surge of 1 below max 3 .*rollout.raise_max is off"):
        world.roll(raise_max=False)
    assert not written(world)


def test_a_lock_of_somebody_else_is_named(world: RollingWorld) -> None:
    ssm, name = world.cloud.client("ssm"), parameter("web")
    ssm.put_parameter(Name=name, Value=write(Holder("other", "alice@laptop", "rollout to version 9")), Type="String")
    with pytest.raises(Refused, match=r"locked by alice@laptop \(rollout to version 9\); lease expires in \d+ s"):
        world.roll()
    assert "other" in world.locks()[0]
    ssm.delete_parameter(Name=name)


@pytest.mark.parametrize("to", ["99", "abc"])
def test_a_version_that_does_not_exist(world: RollingWorld, to: str) -> None:
    with pytest.raises(Refused, match=f"has no version {to}: `bake-ami` makes one"):
        world.roll(to)
    assert not written(world)


def test_a_record_that_somebody_edited(world: RollingWorld) -> None:
    tags = tag(world, "ramped:rollout", "run=1 to=2")
    with pytest.raises(Refused, match="web: the record of the rollout under way cannot be read: .*'from' is missing"):
        world.roll()
    world.cloud.client("autoscaling").delete_tags(Tags=tags)


def test_a_dry_run_plans_and_changes_nothing(world: RollingWorld) -> None:
    mark = len(world.printed)
    world.roll(dry=True, surge=2)
    assert not written(world)
    assert "web: would go from version 1 to 2 (ramped 2222" in world.printed[mark:]
    plan = [line.strip() for line in world.printed[mark:].splitlines()]
    assert "point the group at version 2, desired 5, max 5" in plan and "set max back to 3" in plan
    assert plan[plan.index("drop the run's tags") + 1] == "every instance of web runs version 2"


@pytest.mark.parametrize(("state", "why"), [("", f"no alarm {ALARM}"), ("ALARM", f"alarm {ALARM} is in ALARM already")])
def test_an_alarm_that_cannot_tell_anything(world: RollingWorld, state: str, why: str) -> None:
    if state:
        alarm(world, state)
        world.cloud.control("calls/clear", {})
    with pytest.raises(Refused, match=why):
        world.roll(alarms=(ALARM,))
    assert not written(world)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"canary": 1}, "cannot wait for an operator"),
        ({"pause": 200000}, "waits 172800 at most"),
        ({"alarms": tuple(f"a{n}" for n in range(11))}, "takes 10"),
    ],
)
def test_what_an_instance_refresh_cannot_do(world: RollingWorld, rules: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        world.roll(engine=REFRESH, **rules)


def test_another_engine_is_named(world: RollingWorld) -> None:
    with pytest.raises(SettingsError, match="--engine: found refresh; allowed: ramped or instance-refresh"):
        rollout(world.run(), engine="refresh")
