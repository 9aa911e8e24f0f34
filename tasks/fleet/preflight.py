"""The checks before a rollout, made before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

from ..aws import alarms, group_settings, images, instances, metrics, tags, target_groups
from ..aws.group_settings import LAUNCHING, TERMINATING
from ..decisions.access.roles import hidden, passed_on
from ..decisions.rollout.instance_refresh import unfit
from ..decisions.rollout.preflight import alarming, problems, slow_draining, slow_ends, slow_hooks, standing_by, unsettled
from ..decisions.rollout.schedules_ahead import ahead
from ..decisions.rollout.snapshot import units
from ..decisions.rollout.versions import outdated_message
from ..runtime.cloud import Cloud
from ..runtime.run import Run
from .limits import limits_of, measure
from .schedules import horizon_of
from .smoke_boot import tags_of
from .target import REFRESH, GroupTarget
from .versions import foreign_versions


def preflight(run: Run, target: GroupTarget) -> str:
    """Return all problems of a new run, or ""; print warnings.

    A run that has begun is not checked: it must be able to end or to roll back. Failed launches then turn it back.
    """
    refresh, name = target.refresh, target.name
    if run.settings.rollout.engine == REFRESH:
        if target.fleet.record:
            return f"{name}: a rollout is under way that is no instance refresh: `rollout --engine ramped` goes on with it"
        if refresh and refresh.version == target.target.number:
            return ""
    elif target.fleet.record:
        return ""
    found = rollout_problems(run, target)
    if found:
        return _listed(name, found)
    for line in rollout_warnings(run, target):
        run.out.warn_once(f"{name}: {line}")
    return ""


def rollout_problems(run: Run, target: GroupTarget, *, image: bool = True) -> list[str]:
    """Return the problems of a rollout of a group to a version; `image`: the version's image must exist."""
    found = list(_of_group(run, target))
    found += passed_on(target.target.data, target.group.passed_on, run.settings.management.tag)
    if run.dry and not target.target.image:
        return found
    missing = image_missing(run, target)
    if missing:
        return [missing, *found] if image else found
    return [*_unusable(run.cloud, target), *found]


def image_missing(run: Run, target: GroupTarget) -> str:
    """Return the problem with the image of a version, or ""."""
    version = target.target
    image = images.image(run.cloud, version.image)
    if image is not None and image.usable:
        outdated = image.tags.get(tags.OUTDATED)
        return f"version {version.number}: {outdated_message(outdated)}" if outdated else ""
    state = "not there" if image is None else "being removed by prune-images" if image.state == "available" else image.state
    return f"version {version.number} names image {version.image}, which is {state}"


def _listed(name: str, found: list[str]) -> str:
    return f"{name} is not ready for a rollout:\n" + "\n".join(f"  - {problem}" for problem in found)


def rollout_warnings(run: Run, target: GroupTarget) -> Iterator[str]:
    """Yield the warnings before a rollout."""
    group, name, size = target.group, target.name, units(target.fleet.members)
    if group.version.startswith("$"):
        yield f"it follows {group.version}; it will name a number from now on, so that it can be rolled back"
    yield from _jobs(run)
    delays = target_groups.deregistration_delays(run.cloud, group.target_groups)
    found = slow_draining(delays, size, target.policy.batch, run.settings.rollout.timeout)
    hooks, rules = group_settings.hooks(run.cloud, name), run.settings.rollout
    found += slow_hooks(hooks[LAUNCHING], rules.instance_timeout)
    found += slow_ends(hooks[TERMINATING], size, target.policy.batch, rules.instance_timeout, rules.timeout)
    now, within = group.at or run.clock.now(), horizon_of(run, target)
    found += ahead(target.scheduled, now, within, refresh=rules.engine == REFRESH)
    if target.target.data:
        found += foreign_versions(run.cloud, target.target)
    yield from unsettled(target.fleet) + standing_by(target.fleet, target.policy, target.goal.target) + found


def _jobs(run: Run) -> Iterator[str]:
    """Warn where the instance that runs the jobs cannot see its role."""
    if run.settings.management.keep_running:
        instance = instances.find_management(run.cloud, run.settings.management)
        if instance and not instance.shows_tags:
            yield hidden(instance.id)


def _of_group(run: Run, target: GroupTarget) -> Iterator[str]:
    """Yield the problems of a group that do not depend on the version."""
    names, group = run.settings.rollout.alarms, target.group
    yield from problems(
        target.fleet,
        target.policy,
        template=group.template,
        target_groups=len(group.target_groups),
        workers=bool(run.settings.workers.services),
        classic=group.classic_balancers,
        idle=target_groups.idle(run.cloud, group.target_groups),
        foreign=group.source.foreign,
        refresh=target.refresh,
    )
    yield from alarming(names, alarms.states(run.cloud, names))
    limits = limits_of(run)
    if limits.any and run.settings.rollout.engine == REFRESH:
        yield "an instance refresh does not watch rollout.max_error_rate and rollout.max_latency: use rollout.alarms"
    elif limits.any and group.target_groups:
        for name in metrics.unmeasured(run.cloud, group.target_groups):
            yield f"{name} is behind a Network Load Balancer, which counts no errors: use rollout.alarms instead of limits"
        for text in measure(run, group.target_groups, limits, group.at or run.clock.now()):
            yield f"{text} already: it could not show whether the new version is bad"
    if run.settings.rollout.engine == REFRESH:
        yield from unfit(target.policy, names, target.fleet.suspended)
        if not group.target_groups:
            yield "an instance refresh terminates workers without letting them finish: set rollout.engine to ramped"
        if group.target_groups and "ELB" not in group.health_type:
            # "Health checks for instances in an Auto Scaling group": the refresh takes what the group calls healthy.
            yield (
                f"its health checks are of type {group.health_type}: an instance refresh would not wait for the target group. "
                "Set them to ELB, or rollout.engine to ramped"
            )


def _unusable(cloud: Cloud, goal: GroupTarget) -> list[str]:
    """Return why the target version could not be launched."""
    target = goal.target
    group = goal.group
    if "InstanceRequirements" in target.data:
        # "RequestLaunchTemplateData" in the EC2 API reference.
        return [f"version {target.number} has instance requirements, which RunInstances rejects: name them in the group"]
    if group.source.chooses_types and not group.kinds:
        return []
    version = (target.template, target.number, target.data)
    why = instances.launch_error(cloud, *version, group.subnets, tags_of(group), group.kinds)
    return [f"version {target.number} could not be launched: {why}"] if why else []
