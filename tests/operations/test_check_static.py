"""`check-static` and `warm-cdn` with real sites behind a real CDN."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import DeployError, SettingsError
from tasks.operations.check_static import check_static
from tasks.operations.deploy import deploy_release
from tasks.operations.restart_all import restart_fleet
from tasks.operations.warm_cdn import warm, warm_cdn
from tests.worlds.shipping_world import Static, cdn, changes, fast, forget, get, hashed, world_in
from tests.worlds.shop_world import ShopWorld, credentials


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=2) as running:
        yield running


@pytest.fixture(scope="module")
def static(world: ShopWorld) -> Iterator[Static]:
    with cdn(world) as section:
        yield section


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture(autouse=True)
def empty(world: ShopWorld, static: Static) -> None:
    forget(static, world)
    world.out.seek(0)
    world.out.truncate()


def check(world: ShopWorld, static: Static) -> None:
    check_static(fast(world, static=static))


def file_of(world: ShopWorld, path: str) -> Path:
    return world.shared / "static" / path.removeprefix("/static/")


@contextmanager
def damaged(file: Path, body: bytes | None) -> Iterator[None]:
    """Let a file on the shared disk have other bytes for a while, or be gone."""
    kept = {one: one.read_bytes() for one in (file, Path(f"{file}.gz"), Path(f"{file}.br")) if one.exists()}
    for one in kept:
        one.unlink()
    if body is not None:
        file.write_bytes(body)
    try:
        yield
    finally:
        for one, whole in kept.items():
            one.write_bytes(whole)


def test_all_is_well_and_nothing_is_changed(world: ShopWorld, static: Static) -> None:
    check(world, static)
    with changes(world) as calls:
        check(world, static)
    assert calls == []
    assert "of 1 releases, requested from 3 instances" in world.printed
    assert "all are served everywhere, with the right bytes" in world.printed


def test_a_file_with_other_bytes_is_named_for_every_place(world: ShopWorld, static: Static) -> None:
    path = hashed(world)[0]
    other = file_of(world, path).read_bytes()[::-1]  # of the same length: WhiteNoise remembers that
    with damaged(file_of(world, path), other), pytest.raises(DeployError) as caught:
        check(world, static)
    lines = str(caught.value).splitlines()
    assert {line.split(":")[0] for line in lines} == {world.management, *world.healthy(), "http"}
    assert all("1 of " in line and f"{path} (its bytes are not those of its name)" in line for line in lines), lines


def test_a_cached_error_is_the_cdns_alone(world: ShopWorld, static: Static) -> None:
    path = hashed(world)[0]
    with damaged(file_of(world, path), None):
        assert get(static, path)[0] != 200
    with pytest.raises(DeployError) as caught:
        check(world, static)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{static['cdn']}: 1 of ") and path in line


def test_an_instance_without_manifest_is_named(world: ShopWorld, static: Static) -> None:
    manifest = world.disk(world.healthy()[0]) / "app/staticfiles.json"
    kept = manifest.read_bytes()
    manifest.unlink()
    try:
        with pytest.raises(DeployError, match=f"{world.healthy()[0]}: the manifest cannot be read: "):
            check(world, static)
    finally:
        manifest.write_bytes(kept)


def test_new_files_are_warm_for_the_first_visitor(world: ShopWorld, static: Static) -> None:
    paths = hashed(world)
    warm(fast(world, static=static), [path.removeprefix("/static/") for path in paths])
    assert [get(static, path) for path in paths] == [(200, "Hit from cloudfront")] * len(paths)


def test_a_cached_error_is_invalidated_and_the_file_fetched(world: ShopWorld, static: Static) -> None:
    path = hashed(world)[0]
    with damaged(file_of(world, path), None):
        assert get(static, path)[0] != 200
    with changes(world) as calls:
        warm_cdn(fast(world, static=static), whole=True)
    assert calls == ["CreateInvalidation"]
    assert get(static, path) == (200, "Hit from cloudfront")


def test_of_the_release_only_what_it_added_is_fetched(world: ShopWorld, static: Static) -> None:
    old = hashed(world)
    world.publish(world.v2)
    release = deploy_release(fast(world), None)
    restart_fleet(fast(world), release.added)
    warm_cdn(fast(world, static=static))
    assert f"fetching {len(release.added)} new static files" in world.printed
    assert get(static, f"/static/{release.added[0]}") == (200, "Hit from cloudfront")
    assert get(static, old[0])[1].startswith("Miss")


def test_what_the_web_instances_do_not_serve_is_an_error(world: ShopWorld, static: Static) -> None:
    with pytest.raises(DeployError, match=r"errors for 1 files: /static/none.0123456789ab.css .*Run restart-all"):
        warm(fast(world, static=static), ["none.0123456789ab.css"])


def test_without_a_distribution_it_only_says_so(world: ShopWorld, static: Static) -> None:
    with changes(world) as calls, pytest.raises(DeployError, match="errors for 1 files"):
        warm(fast(world, static=static | {"distribution": None}), ["none.0123456789ab.css"])
    assert calls == []


def test_without_a_cdn_the_setting_is_named(world: ShopWorld, static: Static) -> None:
    with pytest.raises(SettingsError, match="static.cdn: found null; allowed here: the CDN's address"):
        warm_cdn(fast(world, static=static | {"cdn": None}))


def test_a_dry_run_fetches_nothing(world: ShopWorld, static: Static) -> None:
    path: Any = hashed(world)[0]
    warm(fast(world, dry=True, static=static), [path.removeprefix("/static/")])
    assert f"would fetch the release's new static files through {static['cdn']}" in world.printed
    assert get(static, path)[1].startswith("Miss")
