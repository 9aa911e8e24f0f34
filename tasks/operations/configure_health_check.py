"""`configure-health-check`: set the health checks of the load balancer, and show the effect."""

from __future__ import annotations

from ..aws import autoscaling, instances, target_groups
from ..aws.autoscaling import Group
from ..decisions.traffic.health_checks import Check, changes, lives, warnings
from ..errors import DeployError, Refused
from ..runtime.run import Run

_LOOK_BACK = 14 * 86400.0  # seconds; Auto Scaling keeps activities for six weeks


def configure_health_check(run: Run) -> None:
    """Set the health check of every target group to that of the settings; show the times to detect and to recover."""
    wanted = wanted_check(run)
    groups = [autoscaling.group(run.cloud, name) for name in run.settings.groups]
    arns = list(dict.fromkeys(arn for group in groups for arn in group.target_groups))
    if not arns:
        raise Refused(f"{', '.join(run.settings.groups)}: no target group, so there is no health check to set")
    before = target_groups.checks(run.cloud, arns)
    for arn in arns:
        _configure(run, arn, before[arn], wanted)
    run.out.say(
        f"a dead instance is out of traffic within {wanted.detects} s ({wanted.detects + wanted.timeout} s if it does not "
        f"answer at all), one that has recovered is back within {wanted.recovers} s, "
        "a new one gets traffic after its first good answer"
    )
    for group in groups:
        _warn(run, group, wanted)


def wanted_check(run: Run) -> Check:
    """Return the health check that the settings ask for."""
    app, check = run.settings.app, run.settings.health_check
    path = app.health_path
    return Check("HTTP", str(app.port), path, "200", check.interval, check.timeout, check.failures, check.successes)


def _configure(run: Run, arn: str, before: Check, wanted: Check) -> None:
    name = arn.split("/")[1]
    differ = changes(before, wanted)
    if not differ:
        run.out.say(f"target group {name}: the health check is up to date")
        return
    run.out.table(f"target group {name}{', would be changed' if run.dry else ''}", ("health check", "before", "after"), differ)
    if run.dry:
        return
    target_groups.set_check(run.cloud, arn, wanted)
    left = changes(target_groups.checks(run.cloud, [arn])[arn], wanted)
    if left:
        raise DeployError(
            f"target group {name}: the health check was not applied: {', '.join(f'{n} {old}' for n, old, _ in left)}"
        )


def _warn(run: Run, group: Group, wanted: Check) -> None:
    now = group.at or run.clock.now()
    seen = lives(autoscaling.activities(run.cloud, group.name, now - _LOOK_BACK))[:50]
    took = [life.in_service for life in seen if life.in_service is not None]
    launches = f"; the latest {len(took)} launches took {min(took):.0f} to {max(took):.0f} s until in service" if took else ""
    does = "replaces what they find unhealthy" if "ELB" in group.health_type else "ignores them: a dead site is not replaced"
    run.out.say(f"{group.name}: health checks of type {group.health_type}: it {does}; grace period {group.grace} s{launches}")
    serving = [member.id for member in group.members if member.lifecycle == "InService"]
    states = [target_groups.health(run.cloud, arn) for arn in group.target_groups]
    starting = [id for id in serving if any(state.get(id) == "initial" for state in states)]
    ages = [now - instance.launched for instance in instances.with_ids(run.cloud, starting)] if starting else []
    for line in warnings(wanted, group.health_type, group.grace, seen, ages):
        run.out.warn(f"{group.name}: {line}")
