"""`invalidate` with a real CDN in front of a real fleet: cached errors, and how they go."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.errors import DeployError, SettingsError, TimedOut
from tasks.hosts.management import open_management
from tasks.operations.invalidate import invalidate_paths
from tests.worlds.shipping_world import Static, cdn, changes, fast, forget, get, hashed, world_in
from tests.worlds.shop_world import ShopWorld, credentials

LISTED = "cloudfront:ListInvalidations"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorld]:
    with world_in(tmp_path_factory, web=1) as running:
        yield running


@pytest.fixture(scope="module")
def static(world: ShopWorld) -> Iterator[Static]:
    with cdn(world) as section:
        yield section


@pytest.fixture(scope="module", autouse=True)
def known(world: ShopWorld) -> None:
    """Have the host's key pinned in its tag: that is a change of its own."""
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        open_management(fast(world))[1].close()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def test_a_release_that_is_served_needs_nothing(world: ShopWorld, static: Static) -> None:
    with changes(world) as calls:
        invalidate_paths(fast(world, static=static))
    assert calls == [] and "nothing to invalidate" in world.printed


def test_given_paths_are_invalidated_without_asking_anybody(world: ShopWorld, static: Static) -> None:
    path = hashed(world)[0]
    forget(static, world)
    assert get(static, path)[1].startswith("Miss") and get(static, path)[1].startswith("Hit")
    with changes(world) as calls:
        invalidate_paths(fast(world, static=static), ["/static/*"])
    assert calls == ["CreateInvalidation"] and "of 1 paths: Completed" in world.printed
    assert get(static, path)[1].startswith("Miss")


def test_one_that_is_under_way_is_waited_for_and_not_begun_again(world: ShopWorld, static: Static) -> None:
    with ThreadPoolExecutor(1) as pool, changes(world) as calls:
        with world.standin.held():
            with pytest.raises(TimedOut, match=r"invalidation \w+: not within 0 s; last seen: .*InProgress"):
                invalidate_paths(fast(world, static=static | {"timeout": 0.01}), ["/static/a.css"])
            again = pool.submit(invalidate_paths, fast(world, static=static), ["/static/a.css"])
            while not again.done() and world.cloud.control("calls")["actions"][LISTED]["count"] < 2:
                time.sleep(0.02)
        again.result()
    assert calls == ["CreateInvalidation"]


def test_a_lost_answer_begins_only_one(world: ShopWorld, static: Static) -> None:
    world.cloud.control("faults", {"lost_answers": {"CreateInvalidation": 1}})
    before = len(world.standin.world._invalidations._all)
    invalidate_paths(fast(world, static=static), ["/static/lost.css"])
    assert len(world.standin.world._invalidations._all) == before + 1


@pytest.mark.parametrize(
    ("section", "paths", "words"),
    [
        ({"distribution": None}, (), "static.distribution: found null; allowed here: the id"),
        ({"cdn": None}, (), "static.cdn: found null; allowed here: the CDN's address"),
        ({}, ("static/a.css",), "--path: found static/a.css; allowed: a path from the root"),
    ],
)
def test_what_is_missing_is_named(world: ShopWorld, static: Static, section: Static, paths: tuple[str, ...], words: str) -> None:
    with changes(world) as calls, pytest.raises(SettingsError, match=words) as caught:
        invalidate_paths(fast(world, static=static | section), paths)
    assert calls == [] and caught.value.code == 2


def test_a_dry_run_invalidates_nothing(world: ShopWorld, static: Static) -> None:
    with changes(world) as calls:
        invalidate_paths(fast(world, dry=True, static=static), ["/static/*", "/"])
    assert calls == [] and "would invalidate 2 paths: /, /static/*" in world.printed


def test_cached_errors_are_found_and_forgotten_and_those_that_stay_are_named(world: ShopWorld, static: Static) -> None:
    path = hashed(world)[0]
    file = world.shared / "static" / path.removeprefix("/static/")
    hidden = file.with_name("hidden")
    file.rename(hidden)
    forget(static, world)
    try:
        with pytest.raises(DeployError, match=f"the CDN still has errors for 1 files: {path} .*Run restart-all"):
            invalidate_paths(fast(world, static=static))
        hidden.rename(file)
        # The error is cached now, the file is there again.
        assert get(static, path) == (500, "Error from cloudfront")
        with changes(world) as calls:
            invalidate_paths(fast(world, static=static))
        assert calls == ["CreateInvalidation"] and get(static, path)[0] == 200
    finally:
        if hidden.exists():
            hidden.rename(file)
