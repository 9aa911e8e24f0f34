"""CloudWatch alarms: which are in ALARM."""

from __future__ import annotations

from collections.abc import Sequence

from ..runtime.cloud import Cloud

# "DescribeAlarms": names per call.
_NAMES = 100


def states(cloud: Cloud, names: Sequence[str]) -> dict[str, str]:
    """Return the state of each alarm, metric or composite, by its name; alarms that do not exist are missing."""
    found = {}
    for first in range(0, len(names), _NAMES):
        wanted = list(names[first : first + _NAMES])
        shown = cloud.client("cloudwatch").describe_alarms(
            AlarmNames=wanted, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=_NAMES
        )
        for alarm in [*shown.get("MetricAlarms", ()), *shown.get("CompositeAlarms", ())]:
            found[alarm["AlarmName"]] = alarm["StateValue"]
    return found


def firing(cloud: Cloud, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the alarms that are in ALARM."""
    return tuple(sorted(name for name, state in states(cloud, names).items() if state == "ALARM"))
