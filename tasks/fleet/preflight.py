"""What speaks against a rollout, looked up before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from ..aws import alarms, fleets, group_settings, images, instances, refreshes, target_groups
from ..aws.autoscaling import Group
from ..aws.group_settings import LAUNCHING, TERMINATING
from ..decisions.access.roles import hidden, passed_on
from ..decisions.rollout.instance_refresh import Refresh, unfit
from ..decisions.rollout.preflight import alarming, problems, slow_draining, slow_ends, slow_hooks, unsettled
from ..decisions.rollout.schedules import ahead
from ..decisions.rollout.snapshot import Fleet, Policy
from ..errors import Refused
from ..runtime.cloud import Cloud
from ..runtime.run import Run
from .smoke_boot import tags_of
from .target import REFRESH, GroupTarget, policy_of
from .versions import foreign_versions


def ready(run: Run) -> None:
    """Ask everything about the groups that can be asked before there is a version to roll out.

    Raises Refused with all that speaks against a rollout; one that is under way goes on, whatever it looks like.
    """
    refused = []
    for name in run.settings.groups:
        fleet, group = fleets.observe(run.cloud, name)
        policy = policy_of(run, fleet, (), group.at or run.clock.now())
        refresh = refreshes.under_way(run.cloud, name)
        found = [] if fleet.record else list(_of_group(run, fleet, group, policy, refresh))
        if found:
            refused.append(_listed(name, found))
    if refused:
        raise Refused("\n".join(refused))


def preflight(run: Run, target: GroupTarget) -> str:
    """Return all that speaks against a new run, or nothing; what is only worth knowing is a warning.

    A run that has begun is not held up: it must be able to end, or to go back. Launches that fail then turn it round.
    """
    group, refresh, name = target.group, target.refresh, target.name
    if run.settings.rollout.engine == REFRESH:
        if target.fleet.record:
            return f"{name}: a rollout is under way that is no instance refresh: `rollout --engine ramped` goes on with it"
        if refresh and refresh.version == target.target.number:
            return ""
    elif target.fleet.record:
        return ""
    found = [] if run.dry and not target.target.image else _unusable(run.cloud, target)
    found += _of_group(run, target.fleet, group, target.policy, refresh)
    found += passed_on(target.target.data, group.passed_on, run.settings.management.tag)
    if found:
        return _listed(name, found)
    for line in _worth_knowing(run, target):
        run.out.warn(line)
    return ""


def _listed(name: str, found: list[str]) -> str:
    return f"{name} is not ready for a rollout:\n" + "\n".join(f"  - {one}" for one in found)


def _worth_knowing(run: Run, target: GroupTarget) -> Iterator[str]:
    group, name, size = target.group, target.name, len(target.group.members)
    if group.version.startswith("$"):
        yield f"{name} follows {group.version}; it will name a number from now on, so that it can be rolled back"
    yield from _jobs(run)
    delays = {arn.split("/")[1]: target_groups.deregistration_delay(run.cloud, arn) for arn in group.target_groups}
    found = slow_draining(delays, size, target.policy.batch, run.settings.rollout.timeout)
    hooks, rules = group_settings.hooks(run.cloud, name), run.settings.rollout
    found += slow_hooks(hooks[LAUNCHING], rules.instance_timeout)
    found += slow_ends(hooks[TERMINATING], size, target.policy.batch, rules.instance_timeout, rules.timeout)
    if rules.engine != REFRESH:
        found += ahead(target.scheduled, group.at or run.clock.now(), rules.timeout)
    if target.target.data:
        found += foreign_versions(run.cloud, target.target)
    for one in unsettled(target.fleet) + found:
        yield f"{name}: {one}"


def _jobs(run: Run) -> Iterator[str]:
    """Warn where the instance that runs the jobs cannot know that it does."""
    if run.settings.management.keep_running:
        machine = instances.find_management(run.cloud, run.settings.management)
        if machine and not machine.shows_tags:
            yield hidden(machine.id)


def _of_group(run: Run, fleet: Fleet, group: Group, policy: Policy, refresh: Refresh | None) -> Iterator[str]:
    """Yield what speaks against a rollout of a group, whatever the version."""
    names = run.settings.rollout.alarms
    yield from problems(
        fleet,
        policy,
        template=group.template,
        target_groups=len(group.target_groups),
        classic=group.classic_balancers,
        mixed=group.mixed,
        refresh=refresh,
    )
    yield from alarming(names, alarms.states(run.cloud, names))
    if run.settings.rollout.engine == REFRESH:
        yield from unfit(policy, names, fleet.suspended)


def _unusable(cloud: Cloud, goal: GroupTarget) -> list[str]:
    """Return why no instance could be launched of the version to go to."""
    target = goal.target
    image = images.image(cloud, target.image)
    if image is None or image.state != "available":
        return [f"version {target.number} names image {target.image}, which is {image.state if image else 'not there'}"]
    why = instances.refusal(cloud, target.template, target.number, target.data, goal.group.subnets, tags_of(goal.group))
    return [f"version {target.number} could not be launched: {why}"] if why else []
