"""`configure-health-check` on the stand-in cloud, whose checks follow at once."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tasks.errors import Refused
from tasks.operations.configure_health_check import configure_health_check
from tasks.runtime.run import Run
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


@pytest.fixture
def world(keys: None) -> Iterator[RollingWorld]:
    with rolling(1) as built:
        yield built


def call(world: RollingWorld, *, dry: bool = False, path: str = "/health_check/shop.example.com", **values: Any) -> str:
    mark = len(world.printed)
    run: Run = world.run(dry=dry)
    settings = run.settings
    check, app = replace(settings.health_check, **values), replace(settings.app, health_path=path)
    configure_health_check(replace(run, settings=replace(settings, app=app, health_check=check)))
    return world.printed[mark:]


def shown(world: RollingWorld) -> dict[str, Any]:
    told = world.cloud.client("elbv2").describe_target_groups(TargetGroupArns=[world.fleet.target_group])["TargetGroups"][0]
    return {name: str(value) for name, value in told.items() if name.startswith(("HealthCheck", "HealthyT", "UnhealthyT"))}


def test_it_sets_the_missions_values_once_and_shows_before_and_after(world: RollingWorld) -> None:
    before = shown(world)
    world.cloud.control("calls/clear", {})
    printed = call(world, dry=True)
    assert "target group web, would be changed" in printed
    assert (shown(world), world.cloud.control("calls")["changes"]) == (before, [])
    printed = call(world)
    lines = [line.split() for line in printed.splitlines()]
    assert ["interval", "5", "30"] in lines and ["successes", "2", "3"] in lines
    assert ["path", "/", "/health_check/shop.example.com"] in lines
    # The port was and is that of the traffic.
    assert not any(line[:1] == ["port"] for line in lines)
    assert "within 60 s (65 s if it does not answer at all)" in printed and "within 90 s" in printed
    now = shown(world)
    assert now["HealthCheckIntervalSeconds"] == "30" and now["HealthCheckTimeoutSeconds"] == "5"
    assert (now["UnhealthyThresholdCount"], now["HealthyThresholdCount"]) == ("2", "3")
    assert now["HealthCheckPath"] == "/health_check/shop.example.com"
    assert "the health check is up to date" in call(world)
    assert [one["action"] for one in world.cloud.control("calls")["changes"]] == ["elbv2:ModifyTargetGroup"]


def test_settings_are_followed_by_the_checks_at_once(world: RollingWorld) -> None:
    call(world, path="/", interval=300, timeout=120, failures=10, successes=10)
    world.cloud.control("break", {"instance": world.cloud.members()[0], "fault": "error"})
    # Ten failures at an interval of 300 s were an hour; the interval that holds is the one of now.
    call(world, path="/", interval=5, timeout=4, failures=2, successes=2)
    world.cloud.wait(lambda: "unhealthy" in world.cloud.health(world.fleet).values() or not world.cloud.healthy(world.fleet))


def test_it_warns_where_a_group_would_replace_what_boots_and_only_there(world: RollingWorld) -> None:
    group = world.cloud.standin.world.scaling.groups.find("web")
    group.grace = 0
    for one in group.activities:
        one.started = one.ended - 20
    printed = call(world)
    assert (
        "web: health checks of type ELB: it replaces what they find unhealthy; grace period 0 s; the latest 1 launches" in printed
    )
    assert "HealthCheckGracePeriod is 0 s: an instance that needs more than 60 s" in printed
    group.grace = 300
    assert "HealthCheckGracePeriod" not in call(world)
    for one in group.activities:
        one.started = one.ended - 400
    assert "booting has taken 400 s, and after 300 s in service" in call(world)
    group.health_type = "EC2"
    printed = call(world)
    assert "it ignores them: a dead site is not replaced" in printed and "booting" not in printed


def test_without_a_target_group_there_is_nothing_to_configure() -> None:
    with (
        rolling(0, target_groups=0) as world,
        pytest.raises(Refused, match="web: no target group, so there is no health check to set"),
    ):
        call(world)
