"""One stand-in cloud without its HTTP front: every part, put together, and its turn of the control loop."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..hosts.base import Hosts
from .accidents import Accidents
from .alarms import AlarmApi
from .authorization.state import StandInFacts
from .aws_protocol import Call
from .calls import CallLog
from .checker import Checker
from .connect_api import ConnectApi
from .consistency import Consistency
from .database_api import DatabaseApi
from .faults import Faults
from .image_api import ImageApi
from .images import Images
from .instance_api import InstanceApi
from .invalidations import Invalidations
from .machines import Machines
from .metric_api import MetricApi
from .moto_state import MotoState
from .options import Options
from .parameter_api import ParameterApi
from .permissions import Permissions
from .public_addresses import PublicAddresses
from .quota_api import QuotaApi
from .reference_api import LaunchConfigurationApi, ReferenceApi
from .rule_api import RuleApi
from .scaling.service import AutoScaling
from .tag_api import TagApi
from .target_api import TargetApi
from .targets import Targets
from .template_api import TemplateApi
from .templates import Templates
from .timing import Timing

Actions = Mapping[str, Callable[[Mapping[str, Any]], Any]]


class World:
    """The state of one account, and what happens in it."""

    def __init__(
        self, options: Options, hosts: Hosts, on_invalidated: Callable[[Sequence[str]], None], public_network: str
    ) -> None:
        self.options = options
        self.account = str(10**11 + secrets.randbelow(9 * 10**11))
        self.timing = Timing(options.time_scale)
        self.faults = Faults(seed=options.seed)
        self.calls = CallLog()
        self._hosts = hosts
        self.first_target_group: str | None = None
        self.first_rules: Sequence[Any] = ()
        self.moto = MotoState(self.account, options.region)
        self._checker = Checker()
        self.targets = Targets(self.moto, options, self.timing, self._checker)
        self.consistency = Consistency(lambda: options.read_lag, self.timing, options.seed)
        self._images = Images(self.moto, hosts, options, self.timing, self.consistency)
        self._addresses = PublicAddresses(self.moto, hosts, public_network)
        self._machines = Machines(
            self.moto, hosts, options, self.timing, self._images, self.faults, self.consistency, self._addresses
        )
        self._templates = Templates()
        self.metrics = MetricApi()
        self._databases = DatabaseApi(self.moto, options, self.timing)
        self._invalidations = Invalidations(self.moto, options, self.timing, on_invalidated)
        self.scaling = AutoScaling(self._machines, self.moto, self.targets, self._templates, options, self.timing)
        self.permissions = Permissions(StandInFacts(self.moto, self.scaling.groups, self._templates))
        parts = self._services()
        # by service: the actions that are ours, what a dry run of them checks, and what is looked at before moto acts
        self.actions, self.checks, self.guards = (
            {name: _joined(getattr(part, kind, {}) for part in each) for name, each in parts.items()}
            for kind in ("actions", "checks", "guards")
        )
        self.accidents = Accidents(options, hosts, self.faults, self.calls, self._machines, self.scaling.groups, self.actions)

    def _services(self) -> dict[str, list[Any]]:
        timing, moto = self.timing, self.moto
        ec2: list[Any] = [
            InstanceApi(self._machines, self._templates, moto, timing),
            TemplateApi(self._templates, moto, timing, self.consistency),
            ImageApi(self._images, moto),
            ReferenceApi(moto, self._templates),
            TagApi(moto, self._templates, self.consistency),
            self._addresses,
        ]
        return {
            "ec2": ec2,
            "ec2-instance-connect": [ConnectApi(self._hosts, moto, self.options, timing)],
            "elbv2": [TargetApi(self.targets, moto), RuleApi(moto, self.options)],
            "ssm": [ParameterApi(moto, self.options, timing)],
            "rds": [self._databases],
            "cloudfront": [self._invalidations],
            "autoscaling": [self.scaling, LaunchConfigurationApi()],
            "service-quotas": [QuotaApi(self.options)],
            "cloudwatch": [AlarmApi(moto, self.scaling.policies), self.metrics],
        }

    def copy_of(self, call: Call) -> AbstractContextManager[None]:
        """Let a call meet a copy of the account that may be behind. Raises ApiError where it names what is not known there."""
        consistency = {"ec2": self.consistency, "autoscaling": self.scaling.consistency}.get(call.service)
        if consistency is None:
            return nullcontext()
        if call.action.startswith(("Describe", "Get")):
            return consistency.behind()
        consistency.check(call.params)
        return nullcontext()

    def tick(self) -> None:
        """Take one turn of every control loop."""
        now = self.timing.now()
        self._machines.tick(now)
        self._addresses.tick()
        self._images.tick(now)
        self.targets.tick(now)
        self.scaling.tick(now)
        self._invalidations.tick(now)
        self._databases.tick(now)
        self.first_target_group = self._first_target_group()
        listeners = [listener for balancer in self.moto.elbv2.load_balancers.values() for listener in balancer.listeners.values()]
        self.first_rules = tuple(listeners[0].rules.values()) if listeners else ()

    def _first_target_group(self) -> str | None:
        for balancer in self.moto.elbv2.load_balancers.values():
            for listener in balancer.listeners.values():
                for action in listener.default_actions:
                    if action.type == "forward":
                        return _forwarded(action.data)
        return None

    def routes_report(self) -> dict[str, list[str]]:
        """Return where new requests go now, by target group."""
        groups = self.moto.elbv2.target_groups
        return {
            group.name: [f"{address}:{port}" for address, port in self.targets.routable(arn)] for arn, group in groups.items()
        }

    def close(self) -> None:
        """End the health checks, close the public addresses and forget the account."""
        self._addresses.close()
        self._checker.close()
        self.moto.release()


def _joined(parts: Iterable[Actions]) -> Actions:
    return {name: handler for part in parts for name, handler in part.items()}


def _forwarded(action: Mapping[str, Any]) -> str | None:
    if "TargetGroupArn" in action:
        return str(action["TargetGroupArn"])
    groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
    return str(groups[0]["TargetGroupArn"]) if groups else None
