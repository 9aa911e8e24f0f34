"""An outage of the database under ELB health checks: the view costs the fleet, the middleware keeps it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.database_gone import Outcome, replacements, summary
from rehearsal.traffic import Request
from tests.worlds.shop_world import Golden, ShopWorld, golden_of


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
    yield golden_of(tmp_path_factory)


@pytest.mark.parametrize("middleware", [False, True])
def test_the_view_has_every_instance_replaced_and_the_middleware_none(golden: Golden, tmp_path: Path, middleware: bool) -> None:
    with ShopWorld(golden, tmp_path / "world", web=2, health="ELB", middleware=middleware) as world:
        before = set(world.cloud.members())
        targets = world.standin.world.targets.of(world.target_group)
        scaling = world.cloud.client("autoscaling")
        (world.shared / "database").rename(world.shared / "away")
        if middleware:
            asked = {target.id: target.passes for target in targets}
            # Five times as often as it takes to fall, and good answers all the while.
            world.cloud.wait(lambda: all(target.passes >= asked[target.id] + 10 for target in targets))
            assert set(world.cloud.members()) == before and replacements(scaling, "web") == []
        else:
            world.cloud.wait(lambda: len(replacements(scaling, "web")) >= 2)
            world.cloud.wait(lambda: not before & set(world.cloud.members()))
        (world.shared / "away").rename(world.shared / "database")
        world.cloud.wait(lambda: len(world.healthy()) == 2)


def test_the_row_tells_what_visitors_saw_during_the_outage_and_after() -> None:
    seen = [
        Request(1.0, "page", "/", 200, "v1", ""),
        Request(6.0, "page", "/", 500, "", "status 500"),
        Request(7.0, "page", "/", 0, "", "no answer"),
        Request(7.5, "file", "/x.css", 200, "v1", ""),
        Request(12.5, "page", "/", 502, "", "status 502"),
        Request(13.0, "page", "/", 200, "v1", ""),
    ]
    row = Outcome(3, 21.4, 4.04, seen, (5.0, 10.0)).row()
    assert row == ["3", "21", "1 × no answer, 1 × 500", "1 × 200", "2.5", "4.0"]
    assert Outcome(0, None, 0.0, seen[:1], (5.0, 10.0)).row() == ["0", "-", "none", "none", "0.0", "0.0"]
    assert summary([]) == "none"
