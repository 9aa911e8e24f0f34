"""Scaling policies, alarms that ring, scheduled actions."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.rehearsal.cloud.turns import suspend
from tests.rehearsal.standin import Cloud, refused


@pytest.fixture
def autoscaling(cloud: Cloud) -> Any:
    cloud.build_fleet(desired=0, least=0, most=20)
    return cloud.client("autoscaling")


def desired(cloud: Cloud) -> int:
    return int(cloud.group()["DesiredCapacity"])


@pytest.mark.parametrize(
    ("kind", "adjustment", "least", "before", "after"),
    [
        ("ChangeInCapacity", 3, 0, 2, 5),
        ("ChangeInCapacity", -9, 0, 2, 0),
        ("ExactCapacity", 7, 0, 2, 7),
        ("PercentChangeInCapacity", 50, 0, 4, 6),
        ("PercentChangeInCapacity", 10, 0, 4, 5),
        ("PercentChangeInCapacity", -10, 0, 4, 3),
        ("PercentChangeInCapacity", 10, 3, 4, 7),
    ],
)
def test_a_simple_policy_changes_desired(
    cloud: Cloud, autoscaling: Any, kind: str, adjustment: int, least: int, before: int, after: int
) -> None:
    more = {"MinAdjustmentMagnitude": least} if least else {}
    autoscaling.put_scaling_policy(
        AutoScalingGroupName="web", PolicyName="p", AdjustmentType=kind, ScalingAdjustment=adjustment, **more
    )
    suspend(cloud, "Launch")
    autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=before)
    autoscaling.execute_policy(AutoScalingGroupName="web", PolicyName="p")
    assert desired(cloud) == after


def test_a_step_policy_takes_the_step_that_covers_the_metric(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    steps = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 5},
    ]
    arn = autoscaling.put_scaling_policy(
        AutoScalingGroupName="web",
        PolicyName="s",
        PolicyType="StepScaling",
        AdjustmentType="ChangeInCapacity",
        StepAdjustments=steps,
    )["PolicyARN"]
    autoscaling.execute_policy(PolicyName=arn, MetricValue=95, BreachThreshold=80)
    assert desired(cloud) == 5
    assert refused(autoscaling.execute_policy, PolicyName=arn, MetricValue=10, BreachThreshold=80)[0] == "ValidationError"


def test_the_cooldown_is_honoured_on_request(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    autoscaling.put_scaling_policy(
        AutoScalingGroupName="web", PolicyName="p", AdjustmentType="ChangeInCapacity", ScalingAdjustment=1, Cooldown=36_000
    )
    autoscaling.execute_policy(AutoScalingGroupName="web", PolicyName="p")
    params = {"AutoScalingGroupName": "web", "PolicyName": "p", "HonorCooldown": True}
    assert refused(autoscaling.execute_policy, **params)[0] == "ScalingActivityInProgress"
    cloud.control("advance", {"seconds": 36_000})
    autoscaling.execute_policy(**params)
    assert desired(cloud) == 2


def test_policies_are_listed_and_deleted(cloud: Cloud, autoscaling: Any) -> None:
    for name in ("one", "two"):
        autoscaling.put_scaling_policy(
            AutoScalingGroupName="web", PolicyName=name, AdjustmentType="ChangeInCapacity", ScalingAdjustment=1
        )
    autoscaling.delete_policy(AutoScalingGroupName="web", PolicyName="one")
    shown = autoscaling.describe_policies(AutoScalingGroupName="web")["ScalingPolicies"]
    assert [(one["PolicyName"], one["PolicyType"], one["ScalingAdjustment"]) for one in shown] == [("two", "SimpleScaling", 1)]
    assert refused(autoscaling.execute_policy, AutoScalingGroupName="web", PolicyName="one")[0] == "ValidationError"


def test_an_alarm_changes_desired_at_the_nth_call(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    cloud.control("alarm", {"group": "web", "change": 2, "at_call": 3})
    assert [desired(cloud) for _ in range(3)] == [0, 0, 2]


def test_without_alarm_notification_no_alarm_scales_out(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "AlarmNotification")
    cloud.control("alarm", {"group": "web", "change": 2})
    assert desired(cloud) == 0


def test_an_alarm_stays_within_the_bounds(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    cloud.control("alarm", {"group": "web", "change": 99})
    assert desired(cloud) == 20


def schedule(autoscaling: Any, **params: Any) -> None:
    start = datetime.now(UTC) + timedelta(seconds=60)
    autoscaling.put_scheduled_update_group_action(
        AutoScalingGroupName="web", ScheduledActionName="night", StartTime=start, **params
    )


def test_a_scheduled_action_is_carried_out_when_it_is_due(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    schedule(autoscaling, MinSize=1, MaxSize=5, DesiredCapacity=4)
    assert len(autoscaling.describe_scheduled_actions(AutoScalingGroupName="web")["ScheduledUpdateGroupActions"]) == 1
    assert desired(cloud) == 0
    cloud.control("advance", {"seconds": 70 / cloud.standin.options.time_scale})
    cloud.wait(lambda: desired(cloud) == 4)
    assert (cloud.group()["MinSize"], cloud.group()["MaxSize"]) == (1, 5)
    assert autoscaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"] == []


def test_one_missed_while_suspended_is_not_replayed(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "ScheduledActions", "Launch")
    schedule(autoscaling, DesiredCapacity=4)
    cloud.control("advance", {"seconds": 70 / cloud.standin.options.time_scale})
    cloud.wait(lambda: not autoscaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"])
    autoscaling.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["ScheduledActions"])
    assert desired(cloud) == 0


def test_scheduled_actions_are_deleted_and_the_past_is_refused(cloud: Cloud, autoscaling: Any) -> None:
    schedule(autoscaling, DesiredCapacity=4)
    params = {"AutoScalingGroupName": "web", "ScheduledActionName": "night"}
    autoscaling.delete_scheduled_action(**params)
    assert refused(autoscaling.delete_scheduled_action, **params)[0] == "ValidationError"
    past = datetime.now(UTC) - timedelta(hours=1)
    assert refused(autoscaling.put_scheduled_update_group_action, StartTime=past, **params)[0] == "ValidationError"


def recurring(autoscaling: Any) -> dict[str, Any]:
    (shown,) = autoscaling.describe_scheduled_actions(AutoScalingGroupName="web", ScheduledActionNames=["each"])[
        "ScheduledUpdateGroupActions"
    ]
    return dict(shown)


def recur(autoscaling: Any, **params: Any) -> None:
    autoscaling.put_scheduled_update_group_action(AutoScalingGroupName="web", ScheduledActionName="each", **params)


def test_a_recurring_action_is_shown_with_its_next_time_and_is_carried_out_each_time(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    recur(autoscaling, Recurrence="* * * * *", DesiredCapacity=4)
    first = recurring(autoscaling)
    assert first["StartTime"] == first["Time"] and first["StartTime"].second == 0 and first["Recurrence"] == "* * * * *"
    for size in (4, 3):
        at = recurring(autoscaling)["StartTime"]
        cloud.control("advance", {"seconds": 60 / cloud.standin.options.time_scale})
        cloud.wait(lambda before=at: recurring(autoscaling)["StartTime"] > before)
        assert desired(cloud) == size
        recur(autoscaling, Recurrence="* * * * *", DesiredCapacity=3)
    suspend(cloud, "ScheduledActions")
    recur(autoscaling, Recurrence="* * * * *", DesiredCapacity=9)
    at = recurring(autoscaling)["StartTime"]
    cloud.control("advance", {"seconds": 60 / cloud.standin.options.time_scale})
    cloud.wait(lambda: recurring(autoscaling)["StartTime"] > at)
    assert desired(cloud) == 3, "it is not caught up"


def test_a_recurring_action_begins_and_ends_and_goes_by_the_clock_of_its_zone(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    start = (datetime.now(UTC) + timedelta(days=400)).replace(microsecond=0)
    recur(autoscaling, Recurrence="30 8 * * *", TimeZone="Asia/Tokyo", DesiredCapacity=4, StartTime=start)
    shown = recurring(autoscaling)
    assert shown["StartTime"] == start and shown["TimeZone"] == "Asia/Tokyo"
    recur(autoscaling, Recurrence="30 8 * * *", TimeZone="Asia/Tokyo", DesiredCapacity=4)
    next_time = recurring(autoscaling)["StartTime"].astimezone(UTC)
    assert (next_time.hour, next_time.minute) == (23, 30)
    within = autoscaling.describe_scheduled_actions(StartTime=next_time, EndTime=next_time)["ScheduledUpdateGroupActions"]
    assert len(within) == 1
    late = next_time + timedelta(seconds=1)
    assert not autoscaling.describe_scheduled_actions(StartTime=late)["ScheduledUpdateGroupActions"]
    ending = {"Recurrence": "* * * * *", "DesiredCapacity": 2, "EndTime": datetime.now(UTC) + timedelta(seconds=61)}
    recur(autoscaling, **ending)
    cloud.control("advance", {"seconds": 120 / cloud.standin.options.time_scale})
    cloud.wait(lambda: not autoscaling.describe_scheduled_actions()["ScheduledUpdateGroupActions"])
    assert desired(cloud) == 2


@pytest.mark.parametrize("wrong", [{"Recurrence": "* * * *"}, {"Recurrence": "0 8 * * *", "TimeZone": "Mars/Base"}, {}])
def test_a_recurrence_that_is_none_is_refused(autoscaling: Any, wrong: dict[str, Any]) -> None:
    assert refused(partial(recur, autoscaling), DesiredCapacity=2, **wrong)[0] == "ValidationError"


def test_an_alarm_of_cloudwatch_carries_out_its_policy_once_unless_suspended(cloud: Cloud, autoscaling: Any) -> None:
    suspend(cloud, "Launch")
    arn = autoscaling.put_scaling_policy(
        AutoScalingGroupName="web", PolicyName="p", AdjustmentType="ChangeInCapacity", ScalingAdjustment=2
    )["PolicyARN"]
    cloudwatch = cloud.client("cloudwatch")
    metric = {"MetricName": "CPUUtilization", "Namespace": "AWS/EC2", "Period": 60, "Statistic": "Average"}
    comparison = {"EvaluationPeriods": 1, "Threshold": 80.0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="busy", AlarmActions=[arn], **metric, **comparison)
    for state in ("ALARM", "ALARM"):
        cloudwatch.set_alarm_state(AlarmName="busy", StateValue=state, StateReason="test")
    assert desired(cloud) == 2
    assert cloudwatch.describe_alarms(AlarmNames=["busy"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    suspend(cloud, "AlarmNotification")
    for state in ("OK", "ALARM"):
        cloudwatch.set_alarm_state(AlarmName="busy", StateValue=state, StateReason="test")
    assert desired(cloud) == 2
    assert refused(cloudwatch.set_alarm_state, AlarmName="none", StateValue="OK", StateReason="")[0] == "ResourceNotFound"
