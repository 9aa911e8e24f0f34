"""`prune-static` after real releases: what nobody may be asked for goes, everything else stays."""

from collections.abc import Iterator

import pytest

from tasks.errors import Refused
from tasks.operations.deploy import deploy_release
from tasks.operations.prune_static import prune_static
from tests.worlds.shipping_world import changes, fast, world_in
from tests.worlds.shop_looks import static_names
from tests.worlds.shop_world import ShopWorld, credentials

NOW = {"keep_releases": 1, "grace": 0}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def prune(world: ShopWorld, *, dry: bool = False, **static: int) -> None:
    world.out.seek(0)
    world.out.truncate()
    prune_static(fast(world, dry=dry, static=NOW | static))


def deploy(world: ShopWorld, revision: str) -> set[str]:
    """Deploy a revision; return the hashed files that it added."""
    world.publish(revision)
    return set(deploy_release(fast(world), None).added)


def test_only_what_no_needed_release_names_is_deleted(world: ShopWorld) -> None:
    first = static_names(world)
    with pytest.raises(
        Refused, match=rf"no archived manifest of {world.v1[:12]} \(i-\w+ of web serves it\).*Nothing was deleted"
    ):
        prune(world)
    deploy(world, world.v1)
    second = deploy(world, world.v2)
    third = deploy(world, world.commit({"shop/static/shop/css/shop.css": "body { color: teal }"}, onto=world.v2))
    assert second and third
    before = static_names(world)

    prune(world, grace=86400)
    assert "superseded less than 1 days ago" in world.printed and "0 retired; 0 files" in world.printed
    prune(world, keep_releases=2)
    assert "one of the newest 2" in world.printed and static_names(world) == before

    with changes(world) as calls:
        prune(world, dry=True)
    assert "1 retired; " in world.printed and "would be deleted" in world.printed
    assert calls == [] and static_names(world) == before

    prune(world)
    gone = before - static_names(world)
    # The third release goes on naming what the second one brought, less the stylesheet that it changed.
    assert gone == {name for name in second if "/shop." in name and name.endswith(".css")} and len(gone) == 1
    assert first <= static_names(world)
    assert f"{world.v1[:12]}" in world.printed and "of web serves it" in world.printed and "1 retired; " in world.printed
    prune(world)
    assert "0 retired; 0 files" in world.printed and static_names(world) == before - gone


def test_a_version_that_can_be_booted_keeps_its_files(world: ShopWorld) -> None:
    image = world.cloud.client("ec2").describe_images(Owners=["self"])["Images"][0]["ImageId"]
    group = world.cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    template = group["LaunchTemplate"]["LaunchTemplateId"]
    revision = world.v2
    world.cloud.client("ec2").create_launch_template_version(
        LaunchTemplateId=template,
        SourceVersion="1",
        VersionDescription=f"ramped {revision} {image}",
        LaunchTemplateData={"ImageId": image},
    )
    before = static_names(world)
    with pytest.raises(Refused, match=rf"{revision[:12]} \(version 2 of web can be booted\)"):
        prune(world)
    assert static_names(world) == before
