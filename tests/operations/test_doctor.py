"""`doctor` on the shop: well, and with one thing wrong after the other."""

import json
from collections.abc import Iterator

import pytest

from tasks.errors import DeployError
from tasks.operations.doctor import doctor, examine
from tests.worlds.shipping_world import changes, fast, world_in
from tests.worlds.shop_world import ShopWorld, credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=2) as running:
        yield running


def problems(world: ShopWorld, **sections: dict[str, object]) -> list[str]:
    return [f"{one.about}: {one.text}" for one in examine(fast(world, dry=True, **sections)) if one.level == "problem"]


def test_a_site_that_is_well_has_no_findings_against_it_and_nothing_is_changed(world: ShopWorld) -> None:
    with changes(world) as calls:
        doctor(fast(world))
    assert calls == [] and "a rollout could begin" in world.printed and "the site's units can be restarted" in world.printed
    mark = len(world.out.getvalue())
    doctor(fast(world), json=True)
    found = json.loads(world.out.getvalue()[mark:])
    assert {one["level"] for one in found} <= {"ok", "warning"} and {"about", "level", "text"} == set(found[0])


def test_what_is_wrong_on_the_host_is_found(world: ShopWorld) -> None:
    changed = world.disk() / "app/shop/views.py"
    text = changed.read_text()
    changed.write_text("# tried something\n")
    try:
        (found,) = problems(world)
        assert "have uncommitted changes: shop/views.py" in found
        with pytest.raises(DeployError, match="1 of [0-9]+ findings would make a release fail"):
            doctor(fast(world))
    finally:
        changed.write_text(text)
    assert "no virtual environment" in "".join(problems(world, app={"virtualenv": "nowhere"}))


def test_what_is_wrong_with_the_group_is_found(world: ShopWorld) -> None:
    scaling = world.cloud.client("autoscaling")
    scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    try:
        assert "Launch suspended" in "".join(problems(world))
    finally:
        scaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])


def test_a_host_that_cannot_be_reached_is_found(world: ShopWorld) -> None:
    assert any("has no public address" in one for one in problems(world, ssh={"address": "public"}))
