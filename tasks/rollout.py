"""`rollout`: replace the instances of the groups by those of a launch template version, never fewer in service than before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from .command import command
from .errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .aws.autoscaling import Group
    from .aws.launch_templates import Version
    from .aws.lock import Lock
    from .aws.session import Cloud
    from .context import Run
    from .decisions.fleet import Fleet, Policy
    from .decisions.rollout import Goal


@command(help={"to": "launch template version; default: the newest one"})
def rollout(run: Run, to: str | None = None) -> None:
    """Replace every instance by one of the newest template version, surge first; resumes a rollout that stopped half-way.

    A rollout under way goes on to its own version. A new version that fails is rolled back (rollout.rollback).
    """
    roll_out(run, {}, to)


def roll_out(run: Run, versions: Mapping[str, str] | None = None, to: str | None = None) -> None:
    """Roll the groups out one after the other.

    `versions`: the version number for each launch template; `to`: the one for all others; None for the newest. A dry run shows
    the plan. Raises Refused with everything that speaks against it, DeployError after a rollback, Resumable when it stopped
    half-way.
    """
    from .aws.session import Cloud

    cloud = Cloud(run.settings.aws)
    with run.out.step("10 rollout"):
        for name in run.settings.groups:
            _one(run, cloud, name, versions or {}, to)


def _one(run: Run, cloud: Cloud, name: str, versions: Mapping[str, str], to: str | None) -> None:
    import uuid

    from .aws import fleets
    from .decisions.plan import plan
    from .decisions.rollout import Goal, decide
    from .decisions.steps import Done

    fleet, group = fleets.observe(cloud, name)
    target, source = _versions(cloud, group, fleet, versions.get(group.template, to))
    now = group.at or run.clock.now()
    policy = policy_of(run, fleet, (source, target), now)
    goal = Goal(f"{uuid.uuid4().hex[:8]}", source.number, target.number)
    first = decide(fleet, policy, goal, now)
    if isinstance(first, Done):
        run.out.say(str(first))
        if not run.dry:
            lock_of(run, cloud, name, "tidying up").sweep()
        return
    _preflight(run, cloud, fleet, group, policy, target)
    if run.dry:
        run.out.say(
            f"{name}: would go from version {source.number} to {target.number} ({target.description or 'no description'}):"
        )
        for step in plan(fleet, policy, goal):
            run.out.say(f"  {step}")
        return
    _roll(run, cloud, group, policy, goal, target)


def _versions(cloud: Cloud, group: Group, fleet: Fleet, to: str | None) -> tuple[Version, Version]:
    """Return the version to go to and the one to go back to; a rollout under way knows both."""
    from .aws import launch_templates
    from .decisions.fleet import way_back

    if not group.template:
        why = "a mixed-instances policy" if group.mixed else "a launch configuration"
        raise Refused(
            f"{group.name} has {why} instead of a launch template: this rollout does not handle it. Nothing was changed"
        )
    record = fleet.record
    if record and to and to != record.target:
        raise Refused(
            f"{group.name}: a rollout to version {record.target} is under way, not to {to}: run `rollout` alone to end it"
        )
    target = launch_templates.version(cloud, group.template, record.target if record else to or "$Latest")
    before = launch_templates.version(cloud, group.template, record.source if record else group.version)
    number = before.number if record else way_back(fleet, before.number, target.number)
    return target, before if number == before.number else launch_templates.version(cloud, group.template, number)


def policy_of(run: Run, fleet: Fleet, versions: tuple[Version, ...], now: float) -> Policy:
    """Return the numbers of the settings for a fleet; `versions`: those whose revision is asked; `now` in epoch seconds."""
    from .decisions.baking import revision_of
    from .decisions.fleet import Policy, count

    rules = run.settings.rollout
    revisions = {v.number: revision_of(v.description) for v in versions} if rules.check_revision else {}
    return Policy(
        surge=count(rules.surge, fleet.desired),
        batch=count(rules.batch, fleet.desired),
        healthy_polls=rules.healthy_polls,
        warm_up=rules.warm_up,
        instance_deadline=rules.instance_deadline,
        until=now + rules.deadline,
        max_failures=rules.max_failures,
        raise_max=rules.raise_max,
        rollback=rules.rollback,
        revisions={number: revision for number, revision in revisions.items() if revision},
    )


def _preflight(run: Run, cloud: Cloud, fleet: Fleet, group: Group, policy: Policy, target: Version) -> None:
    from .aws import autoscaling, images
    from .decisions.preflight import problems

    if fleet.record:
        # What has begun must be able to end, or to go back: launches that fail then turn it round.
        return
    found = []
    image = images.image(cloud, target.image)
    if image is None or image.state != "available":
        found.append(f"version {target.number} names image {target.image}, which is {image.state if image else 'not there'}")
    found += problems(
        fleet,
        policy,
        template=group.template,
        target_groups=len(group.target_groups),
        classic=group.classic_balancers,
        mixed=group.mixed,
        refresh=autoscaling.refreshing(cloud, group.name),
    )
    if found:
        raise Refused(
            f"{group.name} is not ready for a rollout:\n" + "\n".join(f"  - {one}" for one in found) + "\nNothing was changed"
        )
    if group.version.startswith("$"):
        run.out.warn(
            f"{group.name} follows {group.version}; it will name a numbered version from now on, so that it can be rolled back"
        )


def _roll(run: Run, cloud: Cloud, group: Group, policy: Policy, goal: Goal, target: Version) -> None:
    from contextlib import ExitStack

    from .hosts.management import open_management
    from .hosts.revisions import Revisions
    from .rolling import Roll
    from .smoke import smoke_boot

    lock = lock_of(run, cloud, group.name, f"rollout to version {target.number}")
    untried = all(m.version != target.number for m in group.members)
    smoke = run.settings.rollout.smoke_boot and bool(group.members) and untried
    with lock, ExitStack() as stack:
        revisions = Revisions(run.settings.app, cloud)
        if policy.revisions or smoke:
            revisions.host = stack.enter_context(open_management(run, cloud)[1])
        if smoke:
            smoke_boot(run, cloud, group, target, revisions, lock)
        Roll(run, cloud, policy, goal, revisions.ask, lock).to_the_end(group.name)


def lock_of(run: Run, cloud: Cloud, group: str, purpose: str) -> Lock:
    """Return the lock of a group, not taken yet; `purpose` is shown to others."""
    import os
    import uuid

    from .aws.lock import Lock
    from .decisions.locks import Holder
    from .whoami import machine, who

    return Lock(
        cloud,
        group,
        Holder(uuid.uuid4().hex, who(), purpose, machine(), os.getpid(), since=run.clock.now()),
        run.clock,
        run.command,
    )


ns = Collection(rollout)
