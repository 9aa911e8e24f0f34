"""GetMetricData: what was set for each minute, nothing where nothing happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.rehearsal.standin import Cloud, refused

GROUP = "targetgroup/web/0123"
END = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)


def query(name: str, statistic: str, group: str = GROUP) -> dict[str, Any]:
    dimensions = [{"Name": "TargetGroup", "Value": group}, {"Name": "LoadBalancer", "Value": "app/web/1"}]
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}
    return {"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}


def values(cloud: Cloud, *asked: str, **more: Any) -> list[float]:
    answer = cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[query(*asked)], StartTime=END - timedelta(minutes=3), EndTime=END, **more
    )
    (result,) = answer["MetricDataResults"]
    assert len(result["Timestamps"]) == len(result["Values"])
    return list(result["Values"])


def test_a_minute_has_what_was_set_and_what_did_not_happen_has_no_data(cloud: Cloud) -> None:
    assert values(cloud, "RequestCount", "Sum") == []
    traffic = {"requests": 100, "errors": 0, "latency": 0.25}
    arn = f"arn:aws:elasticloadbalancing:eu-central-1:1:{GROUP}"
    cloud.control("metrics", {"target_group": arn, "traffic": traffic})
    assert values(cloud, "RequestCount", "Sum") == [100.0] * 3
    assert values(cloud, "TargetResponseTime", "p95") == [0.25] * 3
    assert values(cloud, "HTTPCode_Target_5XX_Count", "Sum") == values(cloud, "TargetConnectionErrorCount", "Sum") == []
    assert values(cloud, "RequestCount", "Average") == values(cloud, "RequestCount", "Sum", "targetgroup/other/1") == []
    get = cloud.client("cloudwatch").get_metric_data
    assert refused(get, MetricDataQueries=[query("RequestCount", "Sum")], StartTime=END, EndTime=END)[0] == "ValidationError"
