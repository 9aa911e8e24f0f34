"""`rollout`: replace the instances of the groups by those of a launch template version, never fewer in service than before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from ..aws.launch_templates import Version
from ..decisions.rollout.decide import decide
from ..decisions.rollout.groups import Standing
from ..decisions.rollout.instance_refresh import foreseen
from ..decisions.rollout.plan import plan
from ..decisions.rollout.steps import Done, Step
from ..errors import Refused, SettingsError
from ..fleet.instance_refresh import Following
from ..fleet.lock import lock_of
from ..fleet.loop import Roll, roll
from ..fleet.preflight import preflight
from ..fleet.smoke_boot import smoke_boot
from ..fleet.target import REFRESH, GroupTarget, target_of
from ..hosts.management import open_management
from ..hosts.revisions import Revisions
from ..runtime.run import Run

ENGINES = ("ramped", REFRESH)


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
    return run.with_(rollout={"engine": engine})


def roll_out(
    run: Run, versions: Mapping[str, Version] | None = None, to: str | None = None, *, yes: bool = False, stop: str = ""
) -> None:
    """Roll the groups out side by side.

    `versions`: the version of each launch template; `to`: the number for all others; None for the newest; `yes`: go on past every
    pause; `stop`: why an instance refresh that is under way has to turn back. A dry run shows the plan, also to a version that is
    not made yet. Raises Refused with everything that speaks against it, DeployError after a rollback, Resumable when it stopped
    half-way.
    """
    with run.step("rollout"):
        aims = [target_of(run, name, versions or {}, to) for name in run.settings.groups]
        aims = [replace(aim, policy=replace(aim.policy, confirmed=yes, stop=stop)) for aim in aims]
        if stop and not all(aim.refresh for aim in aims):
            raise Refused("the instance refresh has ended meanwhile: run the same again")
        ahead = _ahead(run, aims)
        if len(ahead) > 1:
            ahead = [replace(aim, policy=replace(aim.policy, together=True)) for aim in ahead]
        refused = [text for aim in ahead if (text := preflight(run, aim))]
        if refused:
            raise Refused("\n".join(refused))
        if run.dry:
            for aim in ahead:
                _show(run, aim)
        elif ahead:
            _roll(run, ahead)


def _ahead(run: Run, aims: Sequence[GroupTarget]) -> list[GroupTarget]:
    """Return the groups in which there is something to do."""
    turned = [aim.name for aim in aims if aim.fleet.record and aim.fleet.record.back]
    ahead = []
    for aim in aims:
        first = decide(aim.fleet, aim.policy, aim.goal, aim.group.at or run.clock.now())
        if isinstance(first, Done) and not aim.refresh:
            run.out.say(str(first))
            if not run.dry:
                lock_of(run, aim.name, "tidying up").sweep()
        elif turned and not aim.fleet.record:
            run.out.say(f"{aim.name} stays as it is: {turned[0]} is being rolled back, and the groups go together")
        else:
            ahead.append(aim)
    return ahead


def _show(run: Run, aim: GroupTarget) -> None:
    target, pauses = aim.target, aim.policy.pauses
    described = target.description or "no description"
    run.out.say(f"{aim.name}: would go from version {aim.goal.source} to {target.number} ({described}):")
    for step in _foreseen(run, aim):
        run.out.say(f"  {step}")
    if pauses or aim.policy.pause:
        after = ", ".join(str(number) for number in (*pauses, *(["all"] if aim.policy.pause else [])))
        run.out.say(f"  with a pause after {after} of the new ones")


def _foreseen(run: Run, aim: GroupTarget) -> Sequence[Step]:
    if run.settings.rollout.engine == REFRESH:
        return foreseen(aim.fleet, aim.policy, aim.goal, run.settings.rollout.alarms)
    return plan(aim.fleet, aim.policy, aim.goal)


def _roll(run: Run, aims: Sequence[GroupTarget]) -> None:
    untried = {
        (aim.group.template, aim.target.number): aim
        for aim in aims
        if aim.group.members and not aim.refresh and all(m.version != aim.target.number for m in aim.group.members)
    }
    tried = list(untried.values()) if run.settings.rollout.smoke_boot else []
    with ExitStack() as stack:
        locks = {aim.name: stack.enter_context(lock_of(run, aim.name, f"rollout to version {aim.target.number}")) for aim in aims}
        revisions = Revisions(run)
        if tried or any(aim.policy.revisions for aim in aims):
            revisions.host = stack.enter_context(open_management(run)[1])
        for aim in tried:
            smoke_boot(run, aim.group, aim.target, revisions, locks[aim.name])
        rolls: list[Roll] = []
        for aim in aims:
            common = (run, aim.name, aim.policy, aim.goal, revisions.ask, locks[aim.name], revisions.answers)
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


def _standing(aim: GroupTarget) -> Standing:
    return Standing.BACK if aim.fleet.record and aim.fleet.record.back else Standing.GOING
