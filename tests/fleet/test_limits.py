"""Error rate and latency of the target group during a rollout."""

import pytest

from tasks.errors import Refused, RolledBack
from tasks.operations.rollback import rollback
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def traffic(world: RollingWorld, **minute: float) -> None:
    world.cloud.control("metrics", {"target_group": world.fleet.target_group, "traffic": {"requests": 1000, **minute}})


def test_a_release_that_fails_requests_or_is_slow_is_rolled_back_and_rollback_works_all_the_same() -> None:
    with rolling(2) as world:
        traffic(world, errors=5, latency=0.1)
        world.when("terminate i-", lambda: traffic(world, errors=50, refused=10, latency=0.1))
        with (
            world.watched(),
            pytest.raises(RolledBack, match=r"5\.9% of the requests to .* fail \(rollout\.max_error_rate: 1%\)"),
        ):
            world.roll(max_error_rate="1%", max_latency=0.5, pause=60)
        world.assert_done("1")

        with pytest.raises(Refused, match=r"5\.9% of the requests .* already: it could not show whether the new version is bad"):
            world.roll(max_error_rate="1%")
        traffic(world, latency=0.7)
        with pytest.raises(Refused, match=r"needs 0\.70 s for 95 % of the requests \(rollout\.max_latency: 0\.5\) already"):
            world.roll(max_latency=0.5)
        with pytest.raises(Refused, match="an instance refresh does not watch rollout.max_error_rate"):
            world.roll(max_latency=0.5, engine="instance-refresh")
        world.roll(max_latency=0.8, max_error_rate="1%")
        world.assert_done(world.next)
        # The limits may be the reason to go back.
        rollback(world.run(max_latency=0.5), "1")
        world.assert_done("1")


def test_without_limits_cloudwatch_is_not_asked() -> None:
    with rolling(1) as world:
        world.roll()
        assert "cloudwatch:GetMetricData" not in world.cloud.control("calls")["actions"]
