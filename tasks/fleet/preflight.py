"""What speaks against a rollout, looked up before anything is written."""

from __future__ import annotations

from ..aws import alarms, autoscaling, images, instances, target_groups
from ..decisions.access.roles import hidden, passed_on
from ..decisions.rollout.instance_refresh import unfit
from ..decisions.rollout.preflight import alarming, problems, slow_draining, slow_hooks
from ..runtime.cloud import Cloud
from ..runtime.run import Run
from .target import REFRESH, GroupTarget


def preflight(run: Run, aim: GroupTarget) -> str:
    """Return all that speaks against a new run, or nothing; what is only worth knowing is a warning.

    A run that has begun is not held up: it must be able to end, or to go back. Launches that fail then turn it round.
    """
    group, refresh, name = aim.group, aim.refresh, aim.name
    if run.settings.rollout.engine == REFRESH:
        if aim.fleet.record:
            return f"{name}: a rollout is under way that is no instance refresh: `rollout --engine ramped` goes on with it"
        if refresh and refresh.version == aim.target.number:
            return ""
    elif aim.fleet.record:
        return ""
    found = _against(run, aim)
    if found:
        return f"{name} is not ready for a rollout:\n" + "\n".join(f"  - {one}" for one in found)
    if group.version.startswith("$"):
        run.out.warn(f"{name} follows {group.version}; it will name a number from now on, so that it can be rolled back")
    _jobs(run)
    delays = {arn.split("/")[1]: target_groups.deregistration_delay(run.cloud, arn) for arn in group.target_groups}
    slow = slow_draining(delays, len(group.members), aim.policy.batch, run.settings.rollout.timeout)
    for one in slow + slow_hooks(autoscaling.launch_hooks(run.cloud, name), aim.policy.instance_timeout):
        run.out.warn(f"{name}: {one}")
    return ""


def _jobs(run: Run) -> None:
    """Warn where the instance that runs the jobs cannot know that it does."""
    if run.settings.management.keep_running:
        machine = instances.find_management(run.cloud, run.settings.management)
        if machine and not machine.shows_tags:
            run.out.warn(hidden(machine.id))


def _against(run: Run, aim: GroupTarget) -> list[str]:
    group, target, names = aim.group, aim.target, run.settings.rollout.alarms
    found = [] if run.dry and not target.image else _unusable(run.cloud, aim)
    found += problems(
        aim.fleet,
        aim.policy,
        template=group.template,
        target_groups=len(group.target_groups),
        classic=group.classic_balancers,
        mixed=group.mixed,
        refresh=aim.refresh,
    )
    found += passed_on(target.data, group.passed_on, run.settings.management.tag)
    found += alarming(names, alarms.states(run.cloud, names))
    if run.settings.rollout.engine == REFRESH:
        found += unfit(aim.policy, names, aim.fleet.suspended)
    return found


def _unusable(cloud: Cloud, aim: GroupTarget) -> list[str]:
    """Return why no instance could be launched of the version to go to."""
    target = aim.target
    image = images.image(cloud, target.image)
    if image is None or image.state != "available":
        return [f"version {target.number} names image {target.image}, which is {image.state if image else 'not there'}"]
    why = instances.refusal(cloud, target.template, target.number, target.data, aim.group.subnets)
    return [f"version {target.number} could not be launched: {why}"] if why else []
