"""CloudWatch's metrics of target groups: every minute that is asked for is as the control endpoint says.

Sources: the API reference, GetMetricData; "CloudWatch metrics for your Application Load Balancer".
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .errors import ApiError

Params = Mapping[str, Any]
# The metrics that are known, the statistics that make sense for them, and whether 0 is no data point.
_METRICS = {
    "RequestCount": ("requests", "Sum", True),
    "HTTPCode_Target_5XX_Count": ("errors", "Sum", True),
    "TargetConnectionErrorCount": ("refused", "Sum", True),
    "TargetResponseTime": ("latency", "p95", False),
}
_MOST = 100_800  # data points of an answer


class MetricApi:
    """Answer GetMetricData for the target groups whose traffic was set."""

    def __init__(self) -> None:
        self._traffic: dict[str, Mapping[str, float]] = {}
        self.actions = {"GetMetricData": self.get}

    def set(self, target_group: str, traffic: Mapping[str, float]) -> None:
        """Set the requests, errors, refused (counts) and latency (seconds) of a minute of a target group, by its ARN."""
        if unknown := set(traffic) - {key for key, _, _ in _METRICS.values()}:
            raise ValueError(f"no such metric: {', '.join(sorted(unknown))}")
        self._traffic[target_group.rpartition(":")[2]] = traffic

    def get(self, params: Params) -> Any:
        """Return the data points of each query."""
        queries, begin, end = params["MetricDataQueries"], _date(params["StartTime"]), _date(params["EndTime"])
        if begin >= end:
            raise ApiError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
        ids = [query["Id"] for query in queries]
        if len(set(ids)) < len(ids) or not all(id[:1].islower() for id in ids):
            raise ApiError("ValidationError", "The values for parameter id in MetricDataQueries must be unique and lower case.")
        latest_first = params.get("ScanBy") != "TimestampAscending"
        return {"MetricDataResults": [self._result(query, begin, end, latest_first) for query in queries]}

    def _result(self, query: Params, begin: datetime, end: datetime, latest_first: bool) -> dict[str, Any]:
        asked = query["MetricStat"]
        metric, period = asked["Metric"], timedelta(seconds=int(asked["Period"]))
        if not period or (end - begin) / period > _MOST:
            raise ApiError("ValidationError", f"The parameter Period must be positive and lead to at most {_MOST} data points.")
        key, statistic, only_above_zero = _METRICS.get(metric["MetricName"], ("", "", True))
        dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
        value = self._traffic.get(dimensions.get("TargetGroup", ""), {}).get(key)
        known = value is not None and asked["Stat"] == statistic and "LoadBalancer" in dimensions
        shown = known and not (only_above_zero and not value) and metric["Namespace"] == "AWS/ApplicationELB"
        times = [begin + n * period for n in range((end - begin) // period)] if shown else []
        if latest_first:
            times.reverse()
        return {
            "Id": query["Id"],
            "Label": metric["MetricName"],
            "Timestamps": times,
            "Values": [float(value or 0.0) for _ in times],
            "StatusCode": "Complete",
        }


def _date(value: Any) -> datetime:
    """Return a time of a request, which is a text, a number or a date, by the protocol."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
