"""`drain` on process hosts: one instance without visitors, and back, by its own word or out of its target groups."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.operations.drain import drain
from tests.worlds.shop_world import Golden, ShopWorld, credentials, golden_of

MARK = {"health_check": {"draining_file": "state/draining"}}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return golden_of(tmp_path_factory)


@pytest.fixture
def world(golden: Golden, tmp_path: Path, keys: None) -> Iterator[ShopWorld]:
    with ShopWorld(golden, tmp_path / "world", web=2, middleware=True) as world:
        yield world


def call(world: ShopWorld, instance: str, *, undo: bool = False, dry: bool = False, **sections: Any) -> str:
    mark = len(world.printed)
    drain(world.run(dry=dry, **sections), instance, undo)
    return world.printed[mark:]


def state(world: ShopWorld, instance: str) -> str:
    shown = world.cloud.client("elbv2").describe_target_health(TargetGroupArn=world.target_group)["TargetHealthDescriptions"]
    return next((one["TargetHealth"]["State"] for one in shown if one["Target"]["Id"] == instance), "unused")


def set_health_type(world: ShopWorld, kind: str) -> None:
    world.standin.world.scaling.groups.find("web").health_type = kind


def test_it_says_that_it_is_not_ready_and_is_ready_again(world: ShopWorld) -> None:
    one, other = world.cloud.members()
    assert f"would drain: {one}: its site reports not ready" in call(world, one, dry=True, **MARK)
    assert state(world, one) == "healthy"
    assert f"{one} ({world.address(one)}) is out of traffic" in call(world, one, **MARK)
    assert (state(world, one), state(world, other)) == ("unhealthy", "healthy")
    assert set(world.cloud.members()) == {one, other}, "under EC2 health checks nobody is replaced"
    with pytest.raises(Refused, match=f"{other}: fewer than half of the 2 instances of web would stay healthy"):
        call(world, other, **MARK)
    assert state(world, other) == "healthy"
    call(world, one, undo=True, **MARK)
    assert sorted(world.healthy()) == sorted([one, other])
    call(world, one, undo=True, **MARK)  # a second time does no harm


def test_under_elb_health_checks_it_leaves_its_target_groups_and_is_not_terminated(world: ShopWorld) -> None:
    set_health_type(world, "ELB")
    one, other = world.cloud.members()
    printed = call(world, one, **MARK)
    assert "web acts on the load balancer's health checks: it would terminate an instance that reports not ready" in printed
    assert state(world, one) == "unused"
    assert not (world.disk(one) / "state/draining").exists()
    assert set(world.cloud.members()) == {one, other}
    call(world, one, undo=True, **MARK)
    assert sorted(world.healthy()) == sorted([one, other])
    assert "ramped:drained" not in world.tags(one)


def test_a_site_that_does_not_look_at_the_file_is_told_and_left_alone(world: ShopWorld) -> None:
    one, _ = world.cloud.members()
    with pytest.raises(Refused, match=r"the site answers 200 on /health_check/\S+ though state/elsewhere is there"):
        call(world, one, health_check={"draining_file": "state/elsewhere"})
    assert not (world.disk(one) / "state/elsewhere").exists()
    assert state(world, one) == "healthy"


def test_who_is_not_in_service_or_in_a_rollout_is_refused(world: ShopWorld) -> None:
    one, _ = world.cloud.members()
    with pytest.raises(Refused, match=rf"{world.management} is not in service; there are: i-\w+, i-\w+"):
        call(world, world.management, **MARK)
    tag = {
        "ResourceId": "web",
        "ResourceType": "auto-scaling-group",
        "Key": "ramped:rollout",
        "Value": "x",
        "PropagateAtLaunch": False,
    }
    world.cloud.client("autoscaling").create_or_update_tags(Tags=[tag])
    with pytest.raises(Refused, match="web: an unfinished rollout would wait for the instance"):
        call(world, one, **MARK)
