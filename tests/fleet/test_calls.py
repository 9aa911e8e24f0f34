"""How many calls a rollout makes, how long it takes and how soon it sees what goes wrong, in AWS's own time."""

from typing import Any

import pytest

from tasks.errors import RolledBack
from tests.worlds.shop_world import credentials
from tests.worlds.virtual_world import VirtualWorld, virtual

MOST, FLOOR, SEEN = 120, 1.05, 30.0


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def test_four_by_one() -> None:
    with virtual(4) as world:
        world.roll(1)
        assert world.calls.total() <= MOST, world.calls
        assert world.ratio() <= FLOOR
        assert world.longest("DescribeAutoScalingGroups") <= SEEN + 1
        assert world.rolling.versions() == [world.rolling.next] * 4


@pytest.mark.parametrize("at", [100.0, 190.0, 300.0], ids=["while it boots", "while it arrives", "the second"])
def test_an_alarm_is_seen_within_half_a_minute(at: float) -> None:
    with virtual(2) as world:
        cloudwatch = world.rolling.cloud.client("cloudwatch")
        _alarm(cloudwatch, "OK")
        world.after(at, lambda: _set(cloudwatch, "ALARM"))
        with pytest.raises(RolledBack, match="alarm errors is in ALARM"):
            world.roll(1, alarms=("errors",))
        assert _turned(world) - at <= SEEN + 1


def _turned(world: VirtualWorld) -> float:
    """Return when the record of the rollback was written."""
    return [when for when, name in world.looks if name == "autoscaling:CreateOrUpdateTags"][1]


def _alarm(cloudwatch: Any, state: str) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        MetricName="HTTPCode_Target_5XX_Count",
        Namespace="AWS/ApplicationELB",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    _set(cloudwatch, state)


def _set(cloudwatch: Any, state: str) -> None:
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue=state, StateReason="the test")
