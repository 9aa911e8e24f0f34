"""Scheduled actions: due at their start time, once or again and again; what is missed while suspended is not caught up.

"Scheduled scaling for Amazon EC2 Auto Scaling"; StartTime of a recurring action is its next time (DescribeScheduledActions).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..errors import invalid
from ..paging import page
from ..timing import Timing
from .groups import Groups
from .recurrence import Recurrence
from .state import Group

Params = Mapping[str, Any]


class Schedules:
    """Put, list and delete scheduled actions; carry out those that are due."""

    def __init__(self, groups: Groups, timing: Timing) -> None:
        self._groups = groups
        self._timing = timing
        self._actions: dict[tuple[str, str], dict[str, Any]] = {}
        self.actions: dict[str, Callable[[Params], Any]] = {
            "PutScheduledUpdateGroupAction": self.put,
            "DescribeScheduledActions": self.describe,
            "DeleteScheduledAction": self.delete,
        }

    def put(self, params: Params) -> Any:
        """Create or change a scheduled action: with StartTime and Recurrence the first time is StartTime."""
        params = _with_zone(params)
        group = self._groups.find(params["AutoScalingGroupName"])
        start, recurs = params.get("StartTime") or params.get("Time"), _recurrence(params)
        if start is None and recurs is None:
            raise invalid("StartTime or Recurrence must be given.")
        if start is not None and start.timestamp() < self._timing.now() - 1:
            raise invalid("Given start time is in the past")
        start = start or (recurs.after(self._timing.now()) if recurs else None)
        if start is None or _over(params, start):
            raise invalid("The action is never due before its end time.")
        name = params["ScheduledActionName"]
        arn = f"{group.arn.replace('autoScalingGroup:', 'scheduledUpdateGroupAction:', 1)}:scheduledActionName/{name}"
        kept = {key: value for key, value in params.items() if key != "Time"}
        self._actions[group.name, name] = {**kept, "StartTime": start, "Time": start, "ScheduledActionARN": arn}
        return {}

    def describe(self, params: Params) -> Any:
        """List the actions of a group, or of all: by name, or by the time when they are due next."""
        params = _with_zone(params)
        name, wanted = params.get("AutoScalingGroupName"), params.get("ScheduledActionNames")
        begin, end = params.get("StartTime"), params.get("EndTime")
        found = [
            action
            for (group, action_name), action in self._actions.items()
            if name in (None, group)
            and (not wanted or action_name in wanted)
            and (wanted or ((not begin or begin <= action["StartTime"]) and (not end or action["StartTime"] <= end)))
        ]
        shown, token = page(found, params, 100)
        return {"ScheduledUpdateGroupActions": shown, "NextToken": token}

    def delete(self, params: Params) -> Any:
        """Delete a scheduled action."""
        if self._actions.pop((params["AutoScalingGroupName"], params["ScheduledActionName"]), None) is None:
            raise invalid("Scheduled action name not found")
        return {}

    def tick(self, now: float) -> None:
        """Carry out what is due, or skip it where ScheduledActions is suspended."""
        for (name, action_name), action in list(self._actions.items()):
            if now < action["StartTime"].timestamp():
                continue
            recurs = _recurrence(action)
            following = recurs.after(now) if recurs else None
            if following is None or _over(action, following):
                del self._actions[name, action_name]
            else:
                action["StartTime"] = action["Time"] = following
            group = self._groups.all.get(name)
            if group is not None and group.runs("ScheduledActions"):
                self._carry_out(group, action)

    def _carry_out(self, group: Group, action: Params) -> None:
        group.min = int(action.get("MinSize", group.min))
        group.max = max(int(action.get("MaxSize", group.max)), group.min)
        wanted = int(action.get("DesiredCapacity", group.desired))
        within = min(max(wanted, group.min), group.max)
        self._groups.set_desired(group, within, f"scheduled action {action['ScheduledActionName']} was carried out")


def _with_zone(params: Params) -> Params:
    """Return the parameters with moments of UTC, as they are sent; moto reads them without a zone."""
    return {
        key: value.replace(tzinfo=value.tzinfo or UTC) if isinstance(value, datetime) else value for key, value in params.items()
    }


def _recurrence(params: Params) -> Recurrence | None:
    text = params.get("Recurrence")
    return Recurrence(text, params.get("TimeZone") or "UTC") if text else None


def _over(params: Params, at: datetime) -> bool:
    return bool(params.get("EndTime") and at > params["EndTime"])
