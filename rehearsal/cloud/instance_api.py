"""EC2's calls that change instances; describing them is moto's."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from moto.ec2.models.instances import Reservation
from moto.ec2.utils import random_reservation_id

from .errors import ApiError
from .launch_requests import merged, order, resolve, template_tags
from .machines import Machines, Order
from .moto_state import MotoState
from .templates import Templates
from .timing import Timing

Params = Mapping[str, Any]


class InstanceApi:
    """Run, start, stop, reboot, terminate, read the console."""

    def __init__(self, machines: Machines, templates: Templates, moto: MotoState, timing: Timing) -> None:
        self._machines = machines
        self._templates = templates
        self._moto = moto
        self._timing = timing
        self._tokens: dict[str, Any] = {}
        self.actions = {
            "RunInstances": self.run,
            "StartInstances": self.start,
            "StopInstances": self.stop,
            "RebootInstances": self.reboot,
            "TerminateInstances": self.terminate,
            "GetConsoleOutput": self.console,
        }

    def run(self, params: Params) -> Any:
        """Launch instances outside of any group, from parameters laid over a template's. A ClientToken makes it idempotent."""
        token = params.get("ClientToken")
        if token and token in self._tokens:
            return self._tokens[token]
        what = self._order(params)
        instances = [self._machines.launch(what) for _ in range(int(params.get("MaxCount") or 1))]
        reservation = Reservation(random_reservation_id(), self._moto.account)
        reservation.instances = instances
        if token:
            self._tokens[token] = reservation
        return reservation

    def _order(self, params: Params) -> Order:
        data: Mapping[str, Any] = {key: value for key, value in params.items() if key != "LaunchTemplate"}
        tags: dict[str, str] = {}
        if reference := params.get("LaunchTemplate"):
            template, version = resolve(self._templates, reference)
            data = merged(version.data, data)
            tags = template_tags(template, version)
        return order(data, None, tags)

    def _each(self, params: Params, change: Callable[[Any], None], protected: str = "") -> list[dict[str, Any]]:
        instances = [self._machines.find(instance_id) for instance_id in params["InstanceIds"]]
        for instance in instances:
            if protected and getattr(instance, protected):
                raise ApiError("OperationNotPermitted", f"The instance '{instance.id}' may not be changed: {protected} is set.")
        changes = []
        for instance in instances:
            before = {"Name": instance.state, "Code": instance.state_code}
            change(instance)
            after = {"Name": instance.state, "Code": instance.state_code}
            changes.append({"InstanceId": instance.id, "PreviousState": before, "CurrentState": after})
        return changes

    def start(self, params: Params) -> Any:
        """Power on."""
        return {"StartingInstances": self._each(params, self._machines.start)}

    def stop(self, params: Params) -> Any:
        """Power off, keeping the disk."""
        return {"StoppingInstances": self._each(params, self._machines.stop, "disable_api_stop")}

    def reboot(self, params: Params) -> Any:
        """Power off and on."""
        self._each(params, self._machines.reboot)
        return {}

    def terminate(self, params: Params) -> Any:
        """Power off for ever."""
        return {"TerminatingInstances": self._each(params, self._machines.terminate, "disable_api_termination")}

    def console(self, params: Params) -> Any:
        """Return what the machine printed, in base64: what was posted last, or what there is now."""
        instance = self._machines.find(params["InstanceId"])
        latest = bool(params.get("Latest"))
        text, at = self._machines.consoles.shown(instance.id, instance.instance_type, latest=latest)
        shown = {"Output": base64.b64encode(text.encode()).decode()} if text else {}
        return {"InstanceId": instance.id, "Timestamp": self._timing.date(at), **shown}
