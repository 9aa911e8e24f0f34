"""A release with a dropped column in two stages, on the shop: rolled out, lived on, then contracted."""

import json
from collections.abc import Iterator

import pytest

from tasks.errors import Refused
from tasks.operations.contract import contract
from tasks.operations.deploy import deploy_release
from tasks.operations.plan import plan
from tasks.operations.rollback import rollback
from tasks.operations.rollout import roll_out
from tasks.operations.ship import ship
from tasks.operations.status import status
from tests.worlds.shipping_world import fast, world_in
from tests.worlds.shop_looks import applied
from tests.worlds.shop_world import DOMAIN, ShopWorld, credentials
from tests.worlds.visitors import visitors

MODELS = "    note = models.CharField(max_length=200, null=True)\n"
DROP = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("shop", "0003_notes_and_reviews")]
    operations = [migrations.RemoveField("product", "note")]
"""
AGAIN = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("shop", "0004_no_note")]
    operations = [migrations.AddField("product", "size", models.CharField(max_length=20, null=True))]
"""
NAME = "shop.0004_no_note"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1, health="ELB", middleware=True) as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def go(world: ShopWorld, revision: str, **app: object) -> str:
    mark = len(world.printed)
    own = {"deep_health_path": f"/health_check/{DOMAIN}/deep", "check_migrations": True, **app}
    ship(fast(world, app=own, rollout={"smoke_boot": False}, management={"keep_running": True}), revision, skip=["restart-all"])
    return world.printed[mark:]


def said(world: ShopWorld, work: object, *arguments: object, **more: object) -> str:
    mark = len(world.printed)
    work(*arguments, **more)  # type: ignore[operator]
    return world.printed[mark:]


@pytest.mark.long
def test_a_column_is_dropped_in_two_stages(world: ShopWorld) -> None:
    go(world, world.v2)
    models = (world.disk() / "app/shop/models.py").read_text()
    assert MODELS in models
    dropped = world.commit({"shop/migrations/0004_no_note.py": DROP, "shop/models.py": models.replace(MODELS, "")})
    with pytest.raises(Refused, match=r"app\.contract: later"):
        deploy_release(world.run(app={"contract": "refuse"}), dropped)
    assert "ramped:waiting" not in world.tags()

    with visitors(world):
        printed = go(world, dropped)
    assert "compatible    contract  shop.0004_no_note: Remove field note from product" in printed
    assert "0004" not in applied(world) and world.tags()["ramped:waiting"] == NAME
    assert f"migrations wait until no old code runs: {NAME}; `contract` runs them" in said(world, status, world.run())
    assert NAME in said(world, plan, fast(world))

    _depends_on_what_waits(world, models.replace(MODELS, "    size = models.CharField(max_length=20, null=True)\n"), dropped)
    _can_still_be_rolled_back(world)
    _contracted(world)


def _depends_on_what_waits(world: ShopWorld, models: str, onto: str) -> None:
    """The next release cannot come before it."""
    revision = world.commit({"shop/migrations/0005_size.py": AGAIN, "shop/models.py": models}, onto)
    with pytest.raises(Refused, match=f"earlier release still wait until no old code runs: {NAME}.*run `contract` first"):
        deploy_release(world.run(), revision)


def _can_still_be_rolled_back(world: ShopWorld) -> None:
    with pytest.raises(Refused, match=r"still be rolled back for .*contract --now"):
        contract(fast(world))
    with visitors(world):
        rollback(fast(world))
        with pytest.raises(Refused, match=r"it launches version 2 \(.*`ship` or `rollout` first"):
            contract(fast(world), now=True)
        assert "0004" not in applied(world)
        roll_out(fast(world, rollout={"smoke_boot": False}), {}, "3")


def _outdated(world: ShopWorld) -> int:
    images = world.cloud.client("ec2").describe_images(Owners=["self"])["Images"]
    return json.dumps(images, default=str).count("ramped:outdated")


def _contracted(world: ShopWorld) -> None:
    # Without the snapshot of the database nothing is changed: the way back stays.
    with pytest.raises(Refused, match="there is no database gone"):
        contract(fast(world, database={"snapshot": "gone"}), now=True)
    assert _outdated(world) == 0 and "0004_no_note" not in applied(world)
    assert f"would see that no old code runs, and run {NAME}" in said(world, contract, fast(world, dry=True), now=True)
    with visitors(world):
        printed = said(world, contract, fast(world, app={"deep_health_path": f"/health_check/{DOMAIN}/deep"}), now=True)
    assert "no longer to be rolled back to: 2 (" in printed and f"done: {NAME}" in printed
    assert "0004_no_note" in applied(world) and "ramped:waiting" not in world.tags()
    assert "no migration waits" in said(world, contract, fast(world))
    with pytest.raises(Refused, match="needs what `contract` has taken out of the database"):
        rollback(fast(world))
    with pytest.raises(Refused, match="needs what `contract` has taken out of the database"):
        roll_out(fast(world), {}, "2")
    assert _outdated(world) == 1
