"""EC2's calls that change instances; describing them is moto's."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from moto.ec2.models.instances import Reservation
from moto.ec2.utils import random_reservation_id

from .errors import ApiError
from .launch_requests import merged, order, resolve, template_tags
from .machines import Machines
from .moto_state import MotoState
from .orders import Order
from .templates import Templates
from .timing import Timing

Params = Mapping[str, Any]
Handlers = Mapping[str, Callable[[Params], Any]]


class InstanceApi:
    """Run, start, stop, reboot, terminate, read the console."""

    def __init__(self, machines: Machines, templates: Templates, moto: MotoState, timing: Timing) -> None:
        self._machines = machines
        self._templates = templates
        self._moto = moto
        self._timing = timing
        self._tokens: dict[str, Any] = {}
        self.actions: Handlers = {
            "RunInstances": self.run,
            "StartInstances": self.start,
            "StopInstances": self.stop,
            "RebootInstances": self.reboot,
            "TerminateInstances": self.terminate,
            "GetConsoleOutput": self.console,
        }
        # a dry run finds out what does not exist, not what there is no room for
        self.checks: Handlers = {
            "RunInstances": lambda params: machines.exist(self._order(params)),
            **dict.fromkeys(("StartInstances", "StopInstances", "RebootInstances", "TerminateInstances"), self._known),
            "GetConsoleOutput": lambda params: machines.find(params["InstanceId"]),
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

    def _known(self, params: Params) -> list[Any]:
        return [self._machines.find(instance_id) for instance_id in params["InstanceIds"]]

    def _each(self, params: Params, change: Callable[[Any], None]) -> list[dict[str, Any]]:
        changes = []
        for instance in self._known(params):
            before = {"Name": instance.state, "Code": instance.state_code}
            change(instance)
            after = {"Name": instance.state, "Code": instance.state_code}
            changes.append({"InstanceId": instance.id, "PreviousState": before, "CurrentState": after})
        return changes

    def start(self, params: Params) -> Any:
        """Power on."""
        return {"StartingInstances": self._each(params, self._machines.start)}

    def stop(self, params: Params) -> Any:
        """Power off, keeping the disk; nothing is done where one instance is protected, or cannot be stopped."""
        for instance in self._known(params):
            if instance.disable_api_stop:
                raise _protected(instance, "stopped", "disableApiStop")
            if instance.spot_type == "one-time":
                raise ApiError(
                    "UnsupportedOperation",
                    f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot Instance "
                    "request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
                )
        return {"StoppingInstances": self._each(params, self._machines.stop)}

    def reboot(self, params: Params) -> Any:
        """Power off and on."""
        self._each(params, self._machines.reboot)
        return {}

    def terminate(self, params: Params) -> Any:
        """Power off for ever; nothing is done where one instance is protected. Auto Scaling does not come this way."""
        for instance in self._known(params):
            if instance.disable_api_termination and instance.state != "terminated":
                raise _protected(instance, "terminated", "disableApiTermination")
        return {"TerminatingInstances": self._each(params, self._machines.terminate)}

    def console(self, params: Params) -> Any:
        """Return what the machine printed, in base64: what was posted last, or what there is now."""
        instance = self._machines.find(params["InstanceId"])
        latest = bool(params.get("Latest"))
        text, at = self._machines.consoles.shown(instance.id, instance.instance_type, latest=latest)
        shown = {"Output": base64.b64encode(text.encode()).decode()} if text else {}
        return {"InstanceId": instance.id, "Timestamp": self._timing.date(at), **shown}


def _protected(instance: Any, what: str, attribute: str) -> ApiError:
    message = f"The instance '{instance.id}' may not be {what}. Modify its '{attribute}' instance attribute and try again."
    return ApiError("OperationNotPermitted", message)
