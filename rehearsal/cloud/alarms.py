"""CloudWatch alarms, kept by moto; an alarm that is set to ALARM executes its scaling policies."""

from collections.abc import Mapping
from typing import Any

from .moto_state import MotoState
from .scaling.policies import Policies

Params = Mapping[str, Any]


class AlarmApi:
    """Set the state of alarms by hand; nothing here watches metrics."""

    def __init__(self, moto: MotoState, policies: Policies) -> None:
        self._moto = moto
        self._policies = policies
        self.actions = {"SetAlarmState": self.set_state}

    def set_state(self, params: Params) -> Any:
        """Change an alarm's state; its actions happen when it enters ALARM. Raises moto's error for an unknown alarm."""
        name, state = params["AlarmName"], params["StateValue"]
        known = self._moto.cloudwatch.alarms.get(name)
        before = known.state_value if known else ""
        self._moto.cloudwatch.set_alarm_state(name, params.get("StateReason", ""), params.get("StateReasonData"), state)
        if known and state == "ALARM" != before:
            for arn in known.alarm_actions:
                self._policies.alarm(arn, float(known.threshold or 0.0))
        return {}
