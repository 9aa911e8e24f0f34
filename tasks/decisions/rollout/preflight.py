"""What would make a rollout fail or be unsafe: all reported at once, before anything is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from .instance_refresh import Refresh
from .snapshot import Fleet, Policy, units

# Without these the group does not replace, does not register, or does not notice.
NEEDED = ("Launch", "Terminate", "AddToLoadBalancer", "HealthCheck", "ReplaceUnhealthy")


def problems(
    fleet: Fleet,
    policy: Policy,
    *,
    template: str,
    target_groups: int,
    workers: bool,
    classic: tuple[str, ...],
    idle: Sequence[str],
    foreign: Sequence[str],
    refresh: Refresh | None,
) -> list[str]:
    """Return why a new run must not begin; empty when it may.

    `template`: id of the launch template, "" without one; `workers`: their units are
    known; `idle`: target groups that no listener forwards to; `foreign`:
    overrides with a template or an image of their own; `refresh`: an instance refresh under way.
    """
    return [
        *_template(template, foreign),
        *_load_balancing(classic, idle, nothing=not target_groups and not workers),
        *_under_way(fleet, refresh),
        *_room(fleet, policy),
        *(_standby(fleet) if policy.standby == "refuse" else ()),
    ]


def _template(template: str, foreign: Sequence[str]) -> Iterator[str]:
    if foreign:
        yield (
            "overrides of its mixed-instances policy have a template or an image of their own, which no new version of the "
            f"group's template changes ({'; '.join(foreign)}): take it out of the override"
        )
    if not template:
        yield "it has no launch template (a launch configuration?): give it one"


def _load_balancing(classic: Sequence[str], idle: Sequence[str], *, nothing: bool) -> Iterator[str]:
    """Yield what is wrong; `nothing`: nothing shows whether an instance serves."""
    if classic:
        yield f"it is attached to Classic Load Balancers ({', '.join(classic)}), whose health is not read"
    if idle:
        yield (
            f"no listener forwards to target group {', '.join(idle)}, so its targets are never healthy: detach it, or name it in "
            "aws.spare_target_groups"
        )
    if nothing:
        yield (
            "it is attached to no target group, so nothing shows whether an instance serves; for queue workers name their units "
            "in workers.services"
        )


def _under_way(fleet: Fleet, refresh: Refresh | None) -> Iterator[str]:
    if refresh:
        version = refresh.version or "unknown"
        yield f"an instance refresh to version {version} is {refresh.status}: wait for its end, or `abort` it"
    stopped = [p for p in NEEDED if p in fleet.suspended]
    if stopped:
        yield f"{', '.join(stopped)} suspended, and not by a rollout: resume them first"


def standing_by(fleet: Fleet, policy: Policy, target: str) -> list[str]:
    """Return what happens to the instances in standby, where that does not refuse the rollout."""
    what = {"ignore": "it stays, and comes back with that version", "replace": "it is terminated when all others are new"}
    return [
        f"{i.id} is in {i.lifecycle} with version {i.version}: {what[policy.standby]} (rollout.standby)"
        for i in fleet.left_aside(target)
        if policy.standby in what
    ]


def unsettled(fleet: Fleet) -> list[str]:
    """Return what is wrong with the instances; no reason to refuse, since a rollout may repair it."""
    found = []
    here = units(fleet.members)
    if not fleet.desired <= here < fleet.desired + fleet.heaviest:
        what = "units" if fleet.weighted else "instances"
        found.append(f"it has {here} {what} and desires {fleet.desired}: launches or terminations are under way")
    for i in fleet.members:
        if not i.ready:
            states = "/".join(sorted(set(i.targets)))
            why = f"{i.lifecycle}, {i.health}, targets {states or 'none'}{f', {i.reason}' if i.reason else ''}"
            found.append(f"{i.id} does not serve ({why}): it is replaced first, and does not count as capacity")
    return found


def alarming(names: Sequence[str], states: Mapping[str, str]) -> list[str]:
    """Return which alarms cannot stop a run; `states`: of those that exist."""
    found = [f"there is no alarm {name} (rollout.alarms)" for name in names if name not in states]
    gone_off = [name for name in names if states.get(name) == "ALARM"]
    return found + [f"alarm {name} is in ALARM already: it could not show whether the new version is bad" for name in gone_off]


def slow_draining(delays: Mapping[str, int], size: int, batch: int, deadline: float) -> list[str]:
    """Return which target groups may drain so slowly that a run exceeds its timeout.

    `delays`: seconds of deregistration delay by target group; a target without connections ends sooner ("Deregistration
    delay" in the guide of Elastic Load Balancing), so this is no reason to refuse.
    """
    rounds = math.ceil(size / batch)
    return [
        f"target group {name} drains up to {delay} s and there are {rounds} batches: with long connections that may take "
        f"{rounds * delay} s, more than rollout.timeout ({deadline:.0f} s); see deregistration_delay.timeout_seconds"
        for name, delay in delays.items()
        if rounds * delay > deadline
    ]


def slow_hooks(hooks: Mapping[str, int], deadline: float) -> list[str]:
    """Return which launch hooks may hold an instance longer than its timeout; `hooks`: seconds by name.

    A hook is usually completed sooner ("Lifecycle hooks" in the guide of EC2 Auto Scaling), so this is no reason
    to refuse.
    """
    return [
        f"launch hook {name} may hold a new instance {seconds} s, and after {deadline:.0f} s (rollout.instance_timeout) it "
        "counts as failed: complete the hook sooner"
        for name, seconds in hooks.items()
        if seconds >= deadline
    ]


def slow_ends(hooks: Mapping[str, int], size: int, batch: int, deadline: float, timeout: float) -> list[str]:
    """Return which terminating hooks may delay a rollout, and by how much; `hooks`: seconds by name.

    The next batch begins when the last has left, so their times add up.
    """
    rounds = math.ceil(size / batch)
    return [
        f"terminating hook {name} may hold each old instance {seconds} s: {rounds} batches take up to {rounds * seconds} s more "
        f"(rollout.timeout is {timeout:.0f} s); complete the hook sooner"
        for name, seconds in hooks.items()
        if rounds * seconds >= min(deadline, timeout)
    ]


def _room(fleet: Fleet, policy: Policy) -> list[str]:
    surge = min(policy.surge, len(fleet.members))
    if policy.raise_max or fleet.desired + surge <= fleet.maximum:
        return []
    return [f"no room for a surge of {surge} below max {fleet.maximum} (desired {fleet.desired}), and rollout.raise_max is off"]


def _standby(fleet: Fleet) -> list[str]:
    return [
        f"{i.id} is in {i.lifecycle}: take it back into service, terminate it, or set rollout.standby to ignore or replace"
        for i in fleet.instances
        if i.aside
    ]
