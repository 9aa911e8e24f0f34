"""Instance refresh: replacing a fleet, within bounds, and back again."""

from typing import Any

import pytest

from tests.rehearsal.cloud.turns import some_turns, suspend
from tests.rehearsal.standin import Cloud, Fleet, refused


@pytest.fixture
def autoscaling(cloud: Cloud) -> Any:
    return cloud.client("autoscaling")


def start(cloud: Cloud, fleet: Fleet, version: str | None = None, **preferences: Any) -> str:
    """Start a refresh to this template version (default: to what the group has)."""
    template = {"LaunchTemplateId": fleet.template, "Version": version}
    desired = {"DesiredConfiguration": {"LaunchTemplate": template}} if version else {}
    return str(
        cloud.client("autoscaling").start_instance_refresh(
            AutoScalingGroupName="web", Preferences={"InstanceWarmup": 0, **preferences}, **desired
        )["InstanceRefreshId"]
    )


def shown(cloud: Cloud, refresh: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.client("autoscaling").describe_instance_refreshes(
        AutoScalingGroupName="web", InstanceRefreshIds=[refresh]
    )["InstanceRefreshes"][0]
    return found


def ended(cloud: Cloud, refresh: str, status: str) -> dict[str, Any]:
    """Wait until the refresh has this status and return it."""
    return cloud.wait(lambda: (one := shown(cloud, refresh))["Status"] == status and one)  # type: ignore[no-any-return]


def revisions(cloud: Cloud) -> list[str]:
    return sorted(cloud.hosts.revision(one) for one in cloud.members())


@pytest.mark.parametrize("preferences", [{}, {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}])
def test_it_replaces_every_instance_and_reports(cloud: Cloud, preferences: dict[str, int]) -> None:
    fleet = cloud.build_fleet(desired=3)
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    refresh = start(cloud, fleet, version, **preferences)
    done = ended(cloud, refresh, "Successful")
    assert (done["PercentageComplete"], done["InstancesToUpdate"]) == (100, 0)
    assert revisions(cloud) == ["v2", "v2", "v2"]
    assert cloud.group()["LaunchTemplate"]["Version"] == version


def test_launch_before_terminate_needs_both_percentages_and_never_falls_below(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    refresh = start(cloud, fleet, MinHealthyPercentage=100, MaxHealthyPercentage=200)
    least: list[int] = []

    def over() -> bool:
        with cloud.standin.held():  # members and their health are two calls, and must be of one moment
            least.append(len(cloud.healthy(fleet)))
        return shown(cloud, refresh)["Status"] == "Successful"

    cloud.wait(over)
    assert min(least) >= 2


def test_by_default_it_terminates_and_launches_together(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2, delay=50)
    start(cloud, fleet)
    cloud.wait(lambda: cloud.members(lifecycle="Terminating") and len(cloud.members()) < 2)


def test_matching_instances_are_skipped_only_on_request(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    before = sorted(cloud.members())
    ended(cloud, start(cloud, fleet, SkipMatching=True), "Successful")
    assert sorted(cloud.members()) == before
    ended(cloud, start(cloud, fleet), "Successful")
    assert not set(cloud.members()) & set(before)


def test_only_one_runs_at_a_time_and_cancelling_leaves_the_group_as_configured_before(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=2)
    suspend(cloud, "InstanceRefresh")
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    refresh = start(cloud, fleet, version)
    assert refused(autoscaling.start_instance_refresh, AutoScalingGroupName="web")[0] == "InstanceRefreshInProgress"
    autoscaling.cancel_instance_refresh(AutoScalingGroupName="web")
    ended(cloud, refresh, "Cancelled")
    assert cloud.group()["LaunchTemplate"]["Version"] == "1"
    assert refused(autoscaling.cancel_instance_refresh, AutoScalingGroupName="web")[0] == "ActiveInstanceRefreshNotFound"


def test_a_suspended_refresh_stands_still(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1)
    suspend(cloud, "InstanceRefresh")
    before = cloud.members()
    refresh = start(cloud, fleet)
    some_turns(cloud)
    assert (cloud.members(), shown(cloud, refresh)["PercentageComplete"]) == (before, 0)


def test_rolling_back_a_running_refresh(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=2)
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    refresh = start(cloud, fleet, version, CheckpointPercentages=[50], CheckpointDelay=172_800)
    cloud.wait(lambda: revisions(cloud) == ["v1", "v2"] and shown(cloud, refresh)["PercentageComplete"] == 50)
    autoscaling.rollback_instance_refresh(AutoScalingGroupName="web")
    done = ended(cloud, refresh, "RollbackSuccessful")
    assert done["RollbackDetails"]["PercentageCompleteOnRollback"] == 50
    assert revisions(cloud) == ["v1", "v1"]
    assert cloud.group()["LaunchTemplate"]["Version"] == "1"
    assert refused(autoscaling.rollback_instance_refresh, AutoScalingGroupName="web")[0] == "ActiveInstanceRefreshNotFound"


def test_rolling_back_needs_a_numbered_version(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1, version="$Latest")
    suspend(cloud, "InstanceRefresh")
    start(cloud, fleet, cloud.new_version(fleet, fleet.image))
    assert refused(autoscaling.rollback_instance_refresh, AutoScalingGroupName="web")[0] == "IrreversibleInstanceRefresh"


def test_a_checkpoint_rests_and_goes_on(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    refresh = start(cloud, fleet, CheckpointPercentages=[50, 100], CheckpointDelay=10_000)
    cloud.wait(lambda: shown(cloud, refresh)["PercentageComplete"] == 50 and len(cloud.healthy(fleet)) == 2)
    some_turns(cloud)
    assert shown(cloud, refresh)["PercentageComplete"] == 50
    cloud.control("advance", {"seconds": 10_000})
    cloud.wait(lambda: shown(cloud, refresh)["PercentageComplete"] == 100)


def test_it_waits_an_hour_for_protected_instances_then_fails(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    autoscaling.set_instance_protection(AutoScalingGroupName="web", InstanceIds=cloud.members(), ProtectedFromScaleIn=True)
    before = cloud.members()
    refresh = start(cloud, fleet)
    some_turns(cloud)
    assert shown(cloud, refresh)["Status"] == "InProgress"
    cloud.control("advance", {"seconds": 3700})
    assert "protected" in ended(cloud, refresh, "Failed")["StatusReason"]
    assert cloud.members() == before


def test_protected_instances_are_replaced_on_request(cloud: Cloud, autoscaling: Any) -> None:
    fleet = cloud.build_fleet(desired=1)
    before = cloud.members()
    autoscaling.set_instance_protection(AutoScalingGroupName="web", InstanceIds=before, ProtectedFromScaleIn=True)
    ended(cloud, start(cloud, fleet, ScaleInProtectedInstances="Refresh"), "Successful")
    assert cloud.members() != before


def test_a_bad_image_rolls_back_by_itself_where_asked(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    bad = cloud.build_image("bad", "v2")
    cloud.control("faults", {"images": {bad: "error"}})
    refresh = start(
        cloud, fleet, cloud.new_version(fleet, bad), AutoRollback=True, MinHealthyPercentage=100, MaxHealthyPercentage=150
    )
    cloud.wait(lambda: len(cloud.members()) == 3)
    cloud.wait(lambda: "unhealthy" in cloud.health(fleet).values())
    cloud.control("advance", {"seconds": 3700})
    ended(cloud, refresh, "RollbackSuccessful")
    cloud.wait(lambda: revisions(cloud) == ["v1", "v1"])


def alarm(cloud: Cloud, name: str, state: str) -> None:
    cloudwatch = cloud.client("cloudwatch")
    settings = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "Period": 60}
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count", "Statistic": "Sum"}
    if not cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        cloudwatch.put_metric_alarm(AlarmName=name, **metric, **settings)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="the test says so")


def test_it_bakes_before_it_is_successful_and_an_alarm_turns_it_round_until_then(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=2)
    alarm(cloud, "5xx", "OK")
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    rules = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "AutoRollback": True, "BakeTime": 100000}
    refresh = start(cloud, fleet, version, **rules, AlarmSpecification={"Alarms": ["5xx"]})
    assert ended(cloud, refresh, "Baking")["PercentageComplete"] == 100
    assert revisions(cloud) == ["v2", "v2"]
    alarm(cloud, "5xx", "ALARM")
    done = ended(cloud, refresh, "RollbackSuccessful")
    assert done["RollbackDetails"]["RollbackReason"] == "The CloudWatch alarm 5xx is in the ALARM state."
    assert revisions(cloud) == ["v1", "v1"]


def test_a_bake_that_passes_is_a_success(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1)
    version = cloud.new_version(fleet, cloud.build_image("second", "v2"))
    rules = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200, "BakeTime": 100}
    refresh = start(cloud, fleet, version, **rules)
    ended(cloud, refresh, "Baking")
    ended(cloud, refresh, "Successful")


@pytest.mark.parametrize(("health_type", "status"), [("EC2", "Successful"), ("ELB", "InProgress")])
def test_only_a_group_with_elb_checks_waits_for_the_target_group(cloud: Cloud, health_type: str, status: str) -> None:
    fleet = cloud.build_fleet(desired=1, health_type=health_type, HealthCheckGracePeriod=172_800, DefaultInstanceWarmup=172_800)
    image = cloud.build_image("second", "v2")
    cloud.control("faults", {"images": {image: "error"}})
    refresh = start(cloud, fleet, cloud.new_version(fleet, image), InstanceWarmup=0)
    cloud.wait(lambda: shown(cloud, refresh)["PercentageComplete"] == 100 and "unhealthy" in cloud.health(fleet).values())
    some_turns(cloud)
    assert shown(cloud, refresh)["Status"] == status


def test_without_a_warm_up_of_its_own_it_waits_for_the_group_s(cloud: Cloud) -> None:
    fleet = cloud.build_fleet(desired=1, DefaultInstanceWarmup=172_800)
    asked = cloud.client("autoscaling").start_instance_refresh(AutoScalingGroupName="web")["InstanceRefreshId"]
    cloud.wait(lambda: shown(cloud, asked)["PercentageComplete"] == 100 and cloud.healthy(fleet))
    some_turns(cloud)
    assert shown(cloud, asked)["Status"] == "InProgress"
    cloud.control("advance", {"seconds": 172_801})
    ended(cloud, asked, "Successful")
