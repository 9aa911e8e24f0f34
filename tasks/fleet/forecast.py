"""What a rollout would do, launch, take and cost: nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence

from ..aws import autoscaling, target_groups
from ..decisions.rollout.estimate import Estimate, History, described, estimate, refresh_waves, waves
from ..decisions.rollout.instance_refresh import foreseen
from ..decisions.rollout.pace import QUICK
from ..decisions.rollout.plan import plan
from ..decisions.rollout.steps import Step
from ..runtime.plain import duration
from ..runtime.run import Run
from .target import REFRESH, GroupTarget


def show(run: Run, target: GroupTarget) -> None:
    """Show the plan of a group, and what is expected of it."""
    version, pauses = target.target, target.policy.pauses
    text, steps = version.description or "no description", planned(run, target)
    run.out.say(f"{target.name}: would go from version {target.goal.source} to {version.number} ({text}):")
    for step in steps:
        run.out.say(f"  {step}")
    if pauses or target.policy.pause:
        after = ", ".join(str(number) for number in (*pauses, *(["all"] if target.policy.pause else [])))
        run.out.say(f"  with a pause after {after} of the new instances")
    found = expect(run, target, steps)
    for line in described(found, duration(found.expected or 0.0), duration(found.longest or 0.0)):
        run.out.say(f"  {line}")


def planned(run: Run, target: GroupTarget) -> Sequence[Step]:
    """Return the steps of a rollout in which nothing interferes."""
    if run.settings.rollout.engine == REFRESH:
        return foreseen(target.fleet, target.refresh, target.policy, target.goal, run.settings.rollout.alarms)
    return plan(target.fleet, target.policy, target.goal)


def expect(run: Run, target: GroupTarget, steps: Sequence[Step]) -> Estimate:
    """Return what a rollout by these steps launches, takes and costs, by the group's latest activities."""
    launches, ends = autoscaling.took(run.cloud, target.name)
    checks = target_groups.checks(run.cloud, target.group.target_groups) if target.group.target_groups else {}
    rules = run.settings.rollout
    healthy = max((check.interval * check.successes for check in checks.values()), default=0)
    history = History(launches, ends, healthy + rules.healthy_polls * rules.poll / QUICK)
    refreshed = rules.engine == REFRESH
    found = refresh_waves(target.fleet, target.target.number, target.policy.surge) if refreshed else waves(steps, target.fleet)
    smoke = len(untried_versions(run, [target]))
    return estimate(found, history, target.policy, smoke=smoke, price=rules.instance_price)


def untried_versions(run: Run, targets: Sequence[GroupTarget]) -> list[GroupTarget]:
    """Return one group for each version that needs a smoke boot."""
    found = {
        (target.group.template, target.target.number): target
        for target in targets
        # A smoke boot of a worker would take tasks, and be terminated with them.
        if target.group.members
        and target.group.target_groups
        and not (target.refresh or target.goes_back)
        and all(m.version != target.target.number for m in target.group.members)
    }
    return list(found.values()) if run.settings.rollout.smoke_boot else []
