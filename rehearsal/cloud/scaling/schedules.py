"""Scheduled actions: due once, at their start time; an action missed while suspended is not caught up."""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import invalid
from ..paging import page
from ..timing import Timing
from .groups import Groups
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
        """Create or change a scheduled action; recurring ones are kept but never due (not modelled)."""
        group = self._groups.find(params["AutoScalingGroupName"])
        start = params.get("StartTime") or params.get("Time")
        if start is None and not params.get("Recurrence"):
            raise invalid("StartTime or Recurrence must be given.")
        if start is not None and start.timestamp() < self._timing.now() - 1:
            raise invalid("Given start time is in the past")
        name = params["ScheduledActionName"]
        arn = f"{group.arn.replace('autoScalingGroup:', 'scheduledUpdateGroupAction:', 1)}:scheduledActionName/{name}"
        kept = {key: value for key, value in params.items() if key != "Time"}
        self._actions[group.name, name] = {**kept, "StartTime": start, "ScheduledActionARN": arn}
        return {}

    def describe(self, params: Params) -> Any:
        """List the actions of a group, or of all."""
        name, wanted = params.get("AutoScalingGroupName"), params.get("ScheduledActionNames")
        found = [
            action
            for (group, action_name), action in self._actions.items()
            if name in (None, group) and (not wanted or action_name in wanted)
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
            start = action["StartTime"]
            if action.get("Recurrence") or start is None or now < start.timestamp():
                continue
            del self._actions[name, action_name]
            group = self._groups.all.get(name)
            if group is not None and group.runs("ScheduledActions"):
                self._carry_out(group, action)

    def _carry_out(self, group: Group, action: Params) -> None:
        group.min = int(action.get("MinSize", group.min))
        group.max = max(int(action.get("MaxSize", group.max)), group.min)
        wanted = int(action.get("DesiredCapacity", group.desired))
        within = min(max(wanted, group.min), group.max)
        self._groups.set_desired(group, within, f"scheduled action {action['ScheduledActionName']} was carried out")
