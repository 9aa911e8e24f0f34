"""What happens to an account without a call of its operator: accidents, alarms, others, a bad day of AWS."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..hosts.base import FaultyHosts, Hosts, ImportingHosts
from . import unkind
from .calls import CallLog
from .errors import ApiError
from .faults import Faults
from .machines import Machines
from .options import Options
from .scaling.groups import Groups
from .scaling.state import ROOT_VOLUME

Actions = Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], Any]]]


class Accidents:
    """Let things happen, now or when the n-th call comes."""

    def __init__(
        self,
        options: Options,
        hosts: Hosts,
        faults: Faults,
        calls: CallLog,
        machines: Machines,
        groups: Groups,
        actions: Actions,
    ) -> None:
        self._options = options
        self._hosts = hosts
        self._faults = faults
        self._calls = calls
        self._machines = machines
        self._groups = groups
        self._actions = actions
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def be_unkind(self, seed: int) -> None:
        """Go on as slow and unkind as AWS may be."""
        self._options.change(unkind.options(seed, self._options.time_scale))
        self._faults.change(unkind.faults(seed, self._options.region))
        for name in self._groups.all:
            self._do(partial(self._reapply, name), unkind.calls_until_others(seed))

    def called(self, number: int) -> None:
        """Note that the n-th call came, and do what waits for it."""
        for at, act in [waiting for waiting in self._waiting if number >= waiting[0]]:
            self._waiting.remove((at, act))
            act()

    def _do(self, act: Callable[[], None], at_call: int | None) -> None:
        if at_call is None:
            act()
        else:
            self._waiting.append((self._calls.total + int(at_call), act))

    def alarm(self, group: str, change: int, at_call: int | None = None) -> None:
        """Change the desired capacity by an alarm: now, or after a number of further calls."""
        self._do(lambda: self._ring(group, change), at_call)

    def others(self, calls: Sequence[Mapping[str, Any]], at_call: int | None = None) -> None:
        """Make calls as another tool or person (Terraform, a colleague): now, or after a number of further calls.

        Each names a service, an action and params, and is not in the log; only the actions that are ours can be made.
        """
        wanted = [(self._actions[call["service"]][call["action"]], call.get("params", {})) for call in calls]

        def act() -> None:
            for handler, params in wanted:
                handler(params)

        self._do(act, at_call)

    def _reapply(self, name: str) -> None:
        """Do what applying infrastructure as code does: tags that it does not know go, a version with its own image is made."""
        group = self._groups.find(name)
        unknown = [key for key in group.tags if key.startswith("ramped:")]
        tags = [{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key} for key in unknown]
        self._actions["autoscaling"]["DeleteTags"]({"Tags": tags})
        if group.template is not None:
            version = {"SourceVersion": "$Default", "VersionDescription": "infrastructure as code", "LaunchTemplateData": {}}
            self._actions["ec2"]["CreateLaunchTemplateVersion"]({"LaunchTemplateId": group.template.id, **version})

    def move(self, instance_id: str, state: str) -> None:
        """Put a member of a group into a lifecycle state that nothing here leads to (ReplacingRootVolume and what follows)."""
        _, member = self._groups.of_instance(instance_id)
        if state not in (*ROOT_VOLUME, "InService"):
            raise ValueError(f"{state} is reached by itself; there are {', '.join(ROOT_VOLUME)} and InService")
        member.lifecycle = state

    def _ring(self, name: str, change: int) -> None:
        group = self._groups.find(name)
        if group.runs("AlarmNotification"):
            wanted = min(max(group.desired + change, group.min), group.max)
            self._groups.set_desired(group, wanted, "a monitor alarm in state ALARM triggered a policy")

    def kill(self, instance_id: str) -> None:
        """Kill an instance as failing hardware does: no drain, no hook."""
        self._machines.terminate(self._machines.find(instance_id), "Server.InternalError")

    def interrupt(self, instance_id: str, recommended: bool) -> None:
        """End a Spot instance as EC2 does two minutes after its notice; or recommend to rebalance it (`recommended`)."""
        instance = self._machines.find(instance_id)
        if instance.spot_type is None:
            raise ValueError(f"{instance_id} is no Spot instance")
        if recommended:
            self._groups.of_instance(instance_id)[1].at_risk = True
        else:
            self._machines.terminate(instance, "Server.SpotInstanceTermination")

    def break_instance(self, instance_id: str, fault: str | None) -> None:
        """Break the application of a running instance."""
        self._faulty_hosts().set_instance_fault(instance_id, fault)

    def fault_image(self, image_id: str, fault: str | None) -> None:
        """Break the instances of an image, those that run and those to come."""
        self._faulty_hosts().set_image_fault(image_id, fault)

    def add_image(self, image_id: str, disk: Path) -> None:
        """Give a registered image a disk: a copy of this folder."""
        if not isinstance(self._hosts, ImportingHosts):
            raise ApiError("Unsupported", f"{type(self._hosts).__name__} have no disks")
        self._hosts.add_image(image_id, disk)

    def _faulty_hosts(self) -> FaultyHosts:
        if not isinstance(self._hosts, FaultyHosts):
            raise ApiError("Unsupported", f"{type(self._hosts).__name__} cannot fail on demand")
        return self._hosts
