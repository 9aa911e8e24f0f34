"""CloudWatch: requests, errors and latency of target groups, by the minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ..decisions.rollout.limits import Minute
from ..runtime.cloud import Cloud

# "CloudWatch metrics for your Application Load Balancer": names and statistics; what did not happen has no data points.
_METRICS = (
    ("requests", "RequestCount", "Sum"),
    ("errors", "HTTPCode_Target_5XX_Count", "Sum"),
    ("refused", "TargetConnectionErrorCount", "Sum"),
    ("latency", "TargetResponseTime", "p95"),
)
_SPAN = timedelta(minutes=6)  # it takes CloudWatch a minute or two to have a minute
_QUERIES = 500  # of one GetMetricData


def minutes(cloud: Cloud, target_groups: Sequence[str], now: float) -> dict[str, list[Minute]]:
    """Return the newest complete minutes of each target group, oldest first; by its name, with the load balancer's.

    `now`: epoch seconds.
    """
    pairs = list(_pairs(cloud, target_groups))
    queries = [query for number, pair in enumerate(pairs) for query in _queries(number, *pair)]
    end = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    values: dict[str, dict[datetime, float]] = {}
    for first in range(0, len(queries), _QUERIES):
        pages = (
            cloud.client("cloudwatch")
            .get_paginator("get_metric_data")
            .paginate(
                MetricDataQueries=queries[first : first + _QUERIES],
                StartTime=end - _SPAN,
                EndTime=end,
                ScanBy="TimestampAscending",
            )
        )
        for result in (result for page in pages for result in page["MetricDataResults"]):
            points = zip(result["Timestamps"], result["Values"], strict=True)
            values.setdefault(result["Id"], {}).update(points)
    return {f"{group} ({balancer})": _minutes(values, number) for number, (group, balancer) in enumerate(_names(pairs))}


def unmeasured(cloud: Cloud, target_groups: Sequence[str]) -> list[str]:
    """Return the names of target groups behind a Network Load Balancer, for which there are no such metrics."""
    return [group.split("/")[1] for group, balancer in _pairs(cloud, target_groups) if not balancer.startswith("app/")]


def _pairs(cloud: Cloud, target_groups: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the dimensions of each target group with each of its load balancers."""
    shown = cloud.client("elbv2").describe_target_groups(TargetGroupArns=list(target_groups))["TargetGroups"]
    for group in shown:
        for balancer in group["LoadBalancerArns"]:
            yield group["TargetGroupArn"].rpartition(":")[2], balancer.partition(":loadbalancer/")[2]


def _names(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield from ((group.split("/")[1], balancer.split("/")[1]) for group, balancer in pairs)


def _queries(number: int, group: str, balancer: str) -> Iterator[dict[str, Any]]:
    dimensions = [{"Name": "TargetGroup", "Value": group}, {"Name": "LoadBalancer", "Value": balancer}]
    for what, name, statistic in _METRICS:
        metric = {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions}
        yield {"Id": f"{what}{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}


def _minutes(values: dict[str, dict[datetime, float]], number: int) -> list[Minute]:
    requests, errors, refused, latency = (values.get(f"{what}{number}", {}) for what, _, _ in _METRICS)
    # A request that no target accepted is no RequestCount of the target group.
    return [
        Minute(requests.get(at, 0.0) + refused.get(at, 0.0), errors.get(at, 0.0) + refused.get(at, 0.0), latency.get(at))
        for at in sorted({*requests, *refused})
    ]
