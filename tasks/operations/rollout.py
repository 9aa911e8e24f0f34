"""`rollout`: replace the instances of the groups by those of a launch template version, never fewer in service than before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import Refused, SettingsError
from ..runtime.command import command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..aws.autoscaling import Group
    from ..aws.launch_templates import Version
    from ..aws.lock import Lock
    from ..aws.session import Cloud
    from ..decisions.rollout.decide import Goal
    from ..decisions.rollout.groups import Standing
    from ..decisions.rollout.instance_refresh import Refresh
    from ..decisions.rollout.snapshot import Fleet, Policy
    from ..decisions.rollout.steps import Step
    from ..runtime.run import Run

REFRESH = "instance-refresh"
ENGINES = ("ramped", REFRESH)


@dataclass(frozen=True)
class Aim:
    """One group, and where it is to go: what there is to know before anything is written."""

    fleet: Fleet
    group: Group
    policy: Policy
    goal: Goal
    target: Version
    refresh: Refresh | None  # an instance refresh under way

    @property
    def name(self) -> str:
        """Return the name of the group."""
        return self.group.name


@command(
    help={
        "to": "launch template version; default: the newest one",
        "yes": "go on past a canary or a checkpoint at which it stops",
        "engine": "ramped, or instance-refresh; default: rollout.engine",
    }
)
def rollout(run: Run, to: str | None = None, yes: bool = False, engine: str | None = None) -> None:
    """Replace every instance by one of the newest template version, surge first; resumes a rollout that stopped half-way.

    A rollout under way goes on to its own version. A new version that fails is rolled back (rollout.rollback). Several groups
    go side by side, and one that fails takes the others back with it.
    """
    roll_out(_by(run, engine), {}, to, yes=yes)


def _by(run: Run, engine: str | None) -> Run:
    if engine is None:
        return run
    if engine not in ENGINES:
        raise SettingsError(f"--engine: found {engine}; allowed: {' or '.join(ENGINES)}")
    return replace(run, settings=replace(run.settings, rollout=replace(run.settings.rollout, engine=engine)))


def roll_out(
    run: Run, versions: Mapping[str, Version] | None = None, to: str | None = None, *, yes: bool = False, stop: str = ""
) -> None:
    """Roll the groups out side by side.

    `versions`: the version of each launch template; `to`: the number for all others; None for the newest; `yes`: go on past every
    pause; `stop`: why an instance refresh that is under way has to turn back. A dry run shows the plan, also to a version that is
    not made yet. Raises Refused with everything that speaks against it, DeployError after a rollback, Resumable when it stopped
    half-way.
    """
    from ..aws.session import Cloud
    from ..fleet.preflight import preflight

    cloud = Cloud(run.settings.aws)
    with run.out.step("10 rollout"):
        aims = [_aim(run, cloud, name, versions or {}, to) for name in run.settings.groups]
        aims = [replace(aim, policy=replace(aim.policy, confirmed=yes, stop=stop)) for aim in aims]
        if stop and not all(aim.refresh for aim in aims):
            raise Refused("the instance refresh has ended meanwhile: run the same again. Nothing was changed")
        ahead = _ahead(run, cloud, aims)
        if len(ahead) > 1:
            ahead = [replace(aim, policy=replace(aim.policy, together=True)) for aim in ahead]
        refused = [text for aim in ahead if (text := preflight(run, cloud, aim))]
        if refused:
            raise Refused("\n".join([*refused, "Nothing was changed"]))
        if run.dry:
            for aim in ahead:
                _show(run, aim)
        elif ahead:
            _roll(run, cloud, ahead)


def _aim(run: Run, cloud: Cloud, name: str, versions: Mapping[str, Version], to: str | None) -> Aim:
    import uuid

    from ..aws import fleets, refreshes
    from ..decisions.rollout.decide import Goal

    fleet, group = fleets.observe(cloud, name, run.settings.rollout.alarms)
    refuse_aborted(fleet)
    target, source = _versions(cloud, group, fleet, versions.get(group.template), to)
    policy = policy_of(run, fleet, (target, source), group.at or run.clock.now())
    goal = Goal(f"{uuid.uuid4().hex[:8]}", source.number, target.number)
    return Aim(fleet, group, policy, goal, target, refreshes.under_way(cloud, name))


def refuse_aborted(fleet: Fleet) -> None:
    """Raise Refused where an abort has begun: it has to end before anything else."""
    if fleet.record and fleet.record.aborted:
        raise Refused(
            f"{fleet.group}: the rollout to version {fleet.record.target} is being aborted: run `abort` again to end that first"
        )


def _ahead(run: Run, cloud: Cloud, aims: Sequence[Aim]) -> list[Aim]:
    """Return the groups in which there is something to do."""
    from ..decisions.rollout.decide import decide
    from ..decisions.rollout.steps import Done

    turned = [aim.name for aim in aims if aim.fleet.record and aim.fleet.record.back]
    ahead = []
    for aim in aims:
        first = decide(aim.fleet, aim.policy, aim.goal, aim.group.at or run.clock.now())
        if isinstance(first, Done) and not aim.refresh:
            run.out.say(str(first))
            if not run.dry:
                lock_of(run, cloud, aim.name, "tidying up").sweep()
        elif turned and not aim.fleet.record:
            run.out.say(f"{aim.name} stays as it is: {turned[0]} is being rolled back, and the groups go together")
        else:
            ahead.append(aim)
    return ahead


def _show(run: Run, aim: Aim) -> None:
    target, pauses = aim.target, aim.policy.pauses
    described = target.description or "no description"
    run.out.say(f"{aim.name}: would go from version {aim.goal.source} to {target.number} ({described}):")
    for step in _foreseen(run, aim):
        run.out.say(f"  {step}")
    if pauses or aim.policy.pause:
        after = ", ".join(str(number) for number in (*pauses, *(["all"] if aim.policy.pause else [])))
        run.out.say(f"  with a pause after {after} of the new ones")


def _foreseen(run: Run, aim: Aim) -> Sequence[Step]:
    from ..decisions.rollout.instance_refresh import foreseen
    from ..decisions.rollout.plan import plan

    if run.settings.rollout.engine == REFRESH:
        return foreseen(aim.fleet, aim.policy, aim.goal, run.settings.rollout.alarms)
    return plan(aim.fleet, aim.policy, aim.goal)


def _versions(cloud: Cloud, group: Group, fleet: Fleet, target: Version | None, to: str | None) -> tuple[Version, Version]:
    """Return the version to go to and the one to go back to; a rollout under way knows both.

    `target`: the version to go to, which a dry run may only foresee; None for the one that `to` names.
    """
    from ..aws import launch_templates
    from ..decisions.rollout.snapshot import way_back

    if not group.template:
        why = "a mixed-instances policy" if group.mixed else "a launch configuration"
        raise Refused(
            f"{group.name} has {why} instead of a launch template: this rollout does not handle it. Nothing was changed"
        )
    record, wanted = fleet.record, target.number if target else to
    if record and wanted and wanted != record.target:
        raise Refused(
            f"{group.name}: a rollout to version {record.target} is under way, not to {wanted}: run `rollout` alone to end it"
        )
    target = target or launch_templates.version(cloud, group.template, record.target if record else to or "$Latest")
    before = launch_templates.version(cloud, group.template, record.source if record else group.version)
    number = before.number if record else way_back(fleet, before.number, target.number)
    return target, before if number == before.number else launch_templates.version(cloud, group.template, number)


def policy_of(run: Run, fleet: Fleet, versions: tuple[Version, ...], now: float) -> Policy:
    """Return the numbers of the settings for a fleet; `versions`: those whose revision is asked; `now` in epoch seconds."""
    from ..decisions.release.image_names import revision_of
    from ..decisions.rollout.pauses import pauses
    from ..decisions.rollout.snapshot import Policy, count

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
        canary=rules.canary,
        pauses=pauses(rules.canary, rules.checkpoints, size),
        pause=rules.pause,
        rollback=rules.rollback,
        revisions={number: revision for number, revision in revisions.items() if revision},
    )


def _roll(run: Run, cloud: Cloud, aims: Sequence[Aim]) -> None:
    from contextlib import ExitStack

    from ..fleet.instance_refresh import Following
    from ..fleet.loop import Roll, roll
    from ..fleet.smoke_boot import smoke_boot
    from ..hosts.management import open_management
    from ..hosts.revisions import Revisions

    untried = {
        (aim.group.template, aim.target.number): aim
        for aim in aims
        if aim.group.members and not aim.refresh and all(m.version != aim.target.number for m in aim.group.members)
    }
    tried = list(untried.values()) if run.settings.rollout.smoke_boot else []
    with ExitStack() as stack:
        locks = {
            aim.name: stack.enter_context(lock_of(run, cloud, aim.name, f"rollout to version {aim.target.number}"))
            for aim in aims
        }
        revisions = Revisions(run.settings.app, cloud)
        if tried or any(aim.policy.revisions for aim in aims):
            revisions.host = stack.enter_context(open_management(run, cloud)[1])
        for aim in tried:
            smoke_boot(run, cloud, aim.group, aim.target, revisions, locks[aim.name])
        rolls: list[Roll] = []
        for aim in aims:
            common = (run, cloud, aim.name, aim.policy, aim.goal, revisions.ask, locks[aim.name], revisions.answers)
            if run.settings.rollout.engine == REFRESH:
                rolls.append(Following(*common, refresh=aim.refresh))
            else:
                rolls.append(Roll(*common, standing=_standing(aim)))
        began = run.clock.now()
        roll(rolls)
    if len(aims) > 1:
        took = f"{run.clock.now() - began:.0f} s"
        rows = [[aim.name, aim.goal.source, aim.goal.target, str(len(aim.group.members)), took] for aim in aims]
        run.out.table("rolled out together", ("group", "from", "to", "instances", "took"), rows)


def _standing(aim: Aim) -> Standing:
    from ..decisions.rollout.groups import Standing

    return Standing.BACK if aim.fleet.record and aim.fleet.record.back else Standing.GOING


def lock_of(run: Run, cloud: Cloud, group: str, purpose: str) -> Lock:
    """Return the lock of a group, not taken yet; `purpose` is shown to others."""
    import os
    import uuid

    from ..aws.lock import Lock
    from ..decisions.access.locks import Holder
    from ..runtime.operator import machine, who

    return Lock(
        cloud,
        group,
        Holder(uuid.uuid4().hex, who(), purpose, machine(), os.getpid(), since=run.clock.now()),
        run.clock,
        run.command,
    )


ns = Collection(rollout)
