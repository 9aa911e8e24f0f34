"""Targets of target groups: registered, checked over real HTTP, drained, as an Application Load Balancer does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .checker import Checker, Outcome, Probe
from .moto_state import MotoState
from .options import Options
from .timing import Timing

Key = tuple[str, str, int]


@dataclass
class Target:
    """One target in one target group."""

    group: str
    id: str
    port: int
    address: str
    state: str = "initial"
    reason: str = "Elb.RegistrationInProgress"
    description: str = "Target registration is in progress"
    passes: int = 0
    failures: int = 0
    asked: float = float("-inf")
    asking: bool = False
    draining_until: float = 0.0
    routable_until: float = 0.0
    ever_healthy: bool = False

    @property
    def key(self) -> Key:
        """Identify the target."""
        return (self.group, self.id, self.port)

    def become(self, state: str, reason: str = "", description: str = "") -> None:
        """Change state."""
        self.state, self.reason, self.description = state, reason, description


class Targets:
    """The targets of every group of the account."""

    def __init__(self, moto: MotoState, options: Options, timing: Timing, checker: Checker) -> None:
        self._moto = moto
        self._options = options
        self._timing = timing
        self._checker = checker
        self._targets: dict[Key, Target] = {}
        self._routable: dict[str, list[tuple[str, int]]] = {}

    def group(self, arn: str) -> Any | None:
        """Return moto's record of a target group, or None."""
        return self._moto.elbv2.target_groups.get(arn)

    def of(self, arn: str) -> list[Target]:
        """Return the targets of a group, draining ones too."""
        return [target for target in self._targets.values() if target.group == arn]

    def find(self, arn: str, target_id: str) -> Target | None:
        """Return the target of this id in the group (the first, where several ports are registered)."""
        return next((target for target in self.of(arn) if target.id == target_id), None)

    def register(self, arn: str, target_id: str, port: int | None, address: str) -> None:
        """Register a target; a draining target starts again as initial."""
        target = Target(arn, target_id, port or int(self.group(arn).port), address)  # type: ignore[union-attr]
        known = self._targets.get(target.key)
        if known is None or known.state == "draining":
            self._targets[target.key] = target

    def deregister(self, arn: str, target_id: str, port: int | None = None) -> bool:
        """Begin to drain the targets of this id; return whether there were any."""
        found = [target for target in self.of(arn) if target.id == target_id and port in (None, target.port)]
        now = self._timing.now()
        for target in found:
            if target.state == "unused":
                del self._targets[target.key]
            elif target.state != "draining":
                target.draining_until = now + self._timing.real(self._delay(arn))
                target.routable_until = now + self._timing.real(self._options.routing_lag) if target.state == "healthy" else now
                target.become("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
        return bool(found)

    def forget(self, target_id: str) -> None:
        """Drop the targets of an instance that is gone."""
        for key in [key for key in self._targets if key[1] == target_id]:
            del self._targets[key]

    def _delay(self, arn: str) -> float:
        group = self.group(arn)
        return float(group.attributes["deregistration_delay.timeout_seconds"]) if group else 0.0

    def routable(self, arn: str) -> list[tuple[str, int]]:
        """Return where new requests go now; safe to call from any thread."""
        return self._routable.get(arn, [])

    def tick(self, now: float) -> None:
        """Apply the results of health checks, send those that are due, drop drained targets."""
        for outcome in self._checker.outcomes():
            if target := self._targets.get(outcome.key):  # type: ignore[call-overload]
                self._apply(target, outcome)
        self._attach()
        for target in list(self._targets.values()):
            group = self.group(target.group)
            if group is None or (target.state == "draining" and now >= target.draining_until):
                del self._targets[target.key]
            elif target.state != "draining":
                self._visit(target, group, now)
        self._routable = {arn: self._route(arn, now) for arn in {target.group for target in self._targets.values()}}

    def _attach(self) -> None:
        """Let target groups know which load balancers forward to them: moto forgets none whose listener was deleted."""
        used: dict[str, list[str]] = {}
        for arn, balancer in self._moto.elbv2.load_balancers.items():
            for listener in balancer.listeners.values():
                rules = [action for rule in listener.rules.values() for action in rule.actions]
                for action in (*listener.default_actions, *rules):
                    for forwarded in _forwarded(action.data):
                        used.setdefault(forwarded, []).append(arn)
        for arn, group in self._moto.elbv2.target_groups.items():
            group.load_balancer_arns = sorted(set(used.get(arn, ())))

    def _visit(self, target: Target, group: Any, now: float) -> None:
        instance = self._moto.instance(target.id)
        if instance is not None and instance.state in ("terminated", "shutting-down"):
            self._targets.pop(target.key)
        elif instance is not None and instance.state in ("stopping", "stopped"):
            target.become("unused", "Target.InvalidState", "Target is in the stopped state")
            target.passes = target.failures = 0
        elif not group.load_balancer_arns:
            target.become("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
        elif instance is not None and instance.availability_zone not in self._zones(group):
            enabled = "Target is in an Availability Zone that is not enabled for the load balancer"
            target.become("unused", "Target.NotInUse", enabled)
        else:
            if target.state == "unused":
                target.become("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
            self._check(target, group, now)

    def _zones(self, group: Any) -> set[str]:
        balancers = self._moto.elbv2.load_balancers
        found = [balancers[arn] for arn in group.load_balancer_arns if arn in balancers]
        return {zone.zone_name for balancer in found for zone in balancer.availability_zones}

    def _check(self, target: Target, group: Any, now: float) -> None:
        # the interval as it is now: ModifyTargetGroup holds from the next check on
        if target.asking or now < target.asked + self._timing.real(float(group.health_check_interval_seconds)):
            return
        target.asking = True
        target.asked = now
        port = target.port if group.health_check_port in (None, "traffic-port") else int(group.health_check_port)
        timeout = max(self._timing.real(float(group.health_check_timeout_seconds)), self._options.check_timeout_floor)
        self._checker.submit(
            target.key, Probe(target.address, port, group.health_check_path or "/", timeout, str(group.health_check_protocol))
        )

    def _apply(self, target: Target, outcome: Outcome) -> None:
        target.asking = False
        group = self.group(target.group)
        if target.state in ("draining", "unused") or group is None:
            return
        # moto gives target groups whose check is a connection no matcher
        matcher = getattr(group, "matcher", None) or {}
        if outcome.status is not None and _matches(outcome.status, matcher.get("HttpCode", "200")):
            target.passes, target.failures = target.passes + 1, 0
            # a newly registered target needs one passing check, an unhealthy target the threshold
            if target.state == "initial" or target.passes >= int(group.healthy_threshold_count):
                target.become("healthy")
                target.ever_healthy = True
            return
        target.passes, target.failures = 0, target.failures + 1
        if target.failures >= int(group.unhealthy_threshold_count):
            target.become("unhealthy", *_why(outcome))
        elif target.state == "initial":
            target.become("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")

    def _route(self, arn: str, now: float) -> list[tuple[str, int]]:
        targets = self.of(arn)
        lagging = [target for target in targets if target.state == "draining" and now < target.routable_until]
        healthy = [target for target in targets if target.state == "healthy"]
        # fail open: with none healthy, every registered target gets traffic
        chosen = healthy or [target for target in targets if target.state in ("unhealthy", "initial")]
        return [(target.address, target.port) for target in [*chosen, *lagging]]


def _matches(status: int, matcher: str) -> bool:
    ranges = [part.split("-") for part in matcher.split(",")]
    return any(int(bounds[0]) <= status <= int(bounds[-1]) for bounds in ranges)


def _why(outcome: Outcome) -> Sequence[str]:
    if outcome.status is not None:
        return ("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{outcome.status}]")
    if outcome.failure == "timeout":
        return ("Target.Timeout", "Request timed out")
    return ("Target.FailedHealthChecks", "Health checks failed")


def _forwarded(action: Mapping[str, Any]) -> list[str]:
    """Return the target groups that an action of a listener or a rule forwards to."""
    several = action.get("ForwardConfig", {}).get("TargetGroups", [])
    return [one for one in (action.get("TargetGroupArn"), *(group["TargetGroupArn"] for group in several)) if one]
