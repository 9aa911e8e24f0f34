"""A group and its target version: read before anything is written."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..aws import fleets, group_settings, launch_templates, refreshes
from ..aws.autoscaling import Group
from ..aws.launch_sources import require_template
from ..aws.launch_templates import Version
from ..decisions.release.image_names import revision_of
from ..decisions.rollout.decide import Goal
from ..decisions.rollout.instance_refresh import Refresh
from ..decisions.rollout.pauses import pauses
from ..decisions.rollout.schedules import ScheduledAction
from ..decisions.rollout.snapshot import Fleet, Policy, count, way_back
from ..errors import Refused
from ..runtime.cloud import Cloud
from ..runtime.run import Run

REFRESH = "instance-refresh"


@dataclass(frozen=True)
class GroupTarget:
    """A group and its target version, with everything that a rollout needs before it writes."""

    fleet: Fleet
    group: Group
    policy: Policy
    goal: Goal
    source: Version
    target: Version
    refresh: Refresh | None  # an instance refresh under way
    scheduled: tuple[ScheduledAction, ...] = ()  # of the group

    @property
    def name(self) -> str:
        """Return the name of the group."""
        return self.group.name

    @property
    def goes_back(self) -> bool:
        """Return whether the run under way is being rolled back."""
        return bool(self.policy.turn_back or (self.fleet.record and self.fleet.record.back))

    def with_policy(self, **values: Any) -> GroupTarget:
        """Return a copy with other values in its policy."""
        return replace(self, policy=replace(self.policy, **values))


def target_of(run: Run, name: str, versions: Mapping[str, Version], to: str | None) -> GroupTarget:
    """Look up a group and its target version; a rollout under way has one already.

    `versions`: the version of each launch template; `to`: the number for all others, None for the newest. Raises Refused.
    """
    fleet, group = fleets.observe(run.cloud, name, run.settings.rollout.alarms)
    refuse_aborted(fleet)
    target, source = _versions(run.cloud, group, fleet, versions.get(group.template), to)
    policy = policy_of(run, fleet, (target, source), group.at or run.clock.now())
    policy = replace(policy, proof=not group.target_groups)
    goal = Goal(f"{uuid.uuid4().hex[:8]}", source.number, target.number)
    scheduled = tuple(group_settings.scheduled(run.cloud, name))
    return GroupTarget(fleet, group, policy, goal, source, target, refreshes.under_way(run.cloud, name), scheduled)


def refuse_aborted(fleet: Fleet) -> None:
    """Raise Refused where an abort has begun: it has to be completed first."""
    if fleet.record and fleet.record.aborted:
        raise Refused(
            f"{fleet.group}: the rollout to version {fleet.record.target} is being aborted: run `abort` again to end that first"
        )


def _versions(cloud: Cloud, group: Group, fleet: Fleet, target: Version | None, to: str | None) -> tuple[Version, Version]:
    """Return the target version and the version to go back to; a rollout under way has both.

    `target`: the target version, in a dry run perhaps not created yet; None for the version in `to`.
    """
    require_template(group.name, group.source)
    record, wanted = fleet.record, target.number if target else to
    if record and wanted and wanted != record.target:
        raise Refused(
            f"{group.name}: a rollout to version {record.target} is under way, not to {wanted}: run `rollout` alone to end it"
        )
    named = record.target if record else to
    target = target or (launch_templates.version(cloud, group.template, named) if named else newest_of_ours(cloud, group))
    before = launch_templates.version(cloud, group.template, record.source if record else group.version)
    number = before.number if record else way_back(fleet, before.number, target.number)
    return target, before if number == before.number else launch_templates.version(cloud, group.template, number)


def newest_of_ours(cloud: Cloud, group: Group) -> Version:
    """Return the newest version that `bake-ami` made: versions of others may boot other images.

    Raises Refused where there is none.
    """
    versions = launch_templates.versions(cloud, group.template)
    ours = next((v for v in versions if revision_of(v.description)), None)
    if ours is None:
        newest = f"{versions[0].number}{f', made by {versions[0].by}' if versions[0].by else ''}"
        raise Refused(
            f"{group.name}: no version of launch template {group.template} was made by `bake-ami` (the newest is {newest}): "
            "`bake-ami` makes one, `rollout --to` names any"
        )
    return ours


def policy_of(run: Run, fleet: Fleet, versions: tuple[Version, ...], now: float) -> Policy:
    """Return the settings as numbers for a fleet; `versions`: those whose revision is checked; `now` in epoch seconds."""
    rules = run.settings.rollout
    size = fleet.record.size if fleet.record else len(fleet.members)
    revisions = {v.number: revision_of(v.description) for v in versions} if rules.check_revision else {}
    return Policy(
        surge=count(rules.surge, fleet.desired),
        batch=count(rules.batch, fleet.desired),
        healthy_polls=rules.healthy_polls,
        warm_up=rules.warm_up,
        instance_timeout=rules.instance_timeout,
        until=now + rules.timeout,
        max_failures=rules.max_failures,
        raise_max=rules.raise_max,
        standby=rules.standby,
        canary=rules.canary,
        pauses=pauses(rules.canary, rules.checkpoints, size),
        pause=rules.pause,
        rollback=rules.rollback,
        revisions={number: revision for number, revision in revisions.items() if revision},
    )
