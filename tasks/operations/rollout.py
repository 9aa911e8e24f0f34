"""`rollout`: replace the instances of the groups by those of a launch template version, at full capacity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from ..aws import autoscaling
from ..aws.launch_templates import Version
from ..aws.lock import Lock
from ..decisions.release.image_names import revision_of
from ..decisions.release.records import Released
from ..decisions.rollout.decide import decide
from ..decisions.rollout.groups import Outcome, Progress
from ..decisions.rollout.outcomes import ROLLED_BACK, outcomes
from ..decisions.rollout.pace import Pace
from ..decisions.rollout.steps import Done
from ..errors import Paused, Refused, RolledBack, SettingsError
from ..fleet import schedules
from ..fleet.engine import Engine, RampedEngine
from ..fleet.forecast import show, untried_versions
from ..fleet.instance_refresh import RefreshEngine
from ..fleet.lock import await_locks, lock_of
from ..fleet.loop import GroupRollout, Questions, roll
from ..fleet.outcomes import record_outcome
from ..fleet.preflight import image_missing, preflight
from ..fleet.smoke_boot import smoke_boot
from ..fleet.target import REFRESH, GroupTarget, target_of
from ..fleet.workers import WorkerEngine, Workers
from ..hosts.management import open_management
from ..hosts.revisions import Revisions
from ..runtime.live import LiveLanes
from ..runtime.operator import who
from ..runtime.run import Run
from ..settings.kinds import Page

ENGINES = ("ramped", REFRESH)


def rollout(run: Run, to: str | None = None, yes: bool = False, engine: str | None = None) -> None:
    """Replace the instances of the groups by those of the newest template version, surge first; resumes an unfinished rollout.

    An unfinished rollout continues to its own version. A version that fails is rolled back (rollout.rollback). Several groups
    are replaced side by side; if one fails, all are rolled back.
    """
    roll_out(_by(run, engine), {}, to, yes=yes)


def _by(run: Run, engine: str | None) -> Run:
    if engine is None:
        return run
    if engine not in ENGINES:
        raise SettingsError(f"--engine: found {engine}; allowed: {' or '.join(ENGINES)}")
    return run.with_(rollout={"engine": engine})


def roll_out(run: Run, versions: Mapping[str, Version] | None = None, to: str | None = None, *, yes: bool = False) -> None:
    """Roll the groups out side by side; the parameters are those of `replace_instances`.

    Raises Refused with all problems, RolledBack, Resumable when it stopped half-way or pauses.
    """
    if to is not None:
        # Of an earlier release the pages must answer, but need not say what those of the newest do.
        run = run.with_(app={"pages": tuple(Page(page.path) for page in run.settings.app.pages)})
    replace_instances(run, versions, to, yes=yes)


def replace_instances(
    run: Run,
    versions: Mapping[str, Version] | None = None,
    to: str | None = None,
    *,
    yes: bool = False,
    turn_back: str = "",
) -> list[Outcome]:
    """Replace the instances of the groups side by side; return the outcome of each group with something to do.

    `versions`: the version of each launch template; `to`: the number for all others; None for the newest; `yes`: continue past
    pauses; `turn_back`: why the rollouts under way are rolled back. A dry run shows the plan, also to a version that is not made
    yet. Raises Refused with all problems, RolledBack where that was not wanted, Resumable when it stopped half-way or pauses.
    """
    with run.step("rollout"):
        await_locks(run)
        targets = [target_of(run, name, versions or {}, to) for name in run.settings.groups]
        targets = [target.with_policy(confirmed=yes, turn_back=turn_back) for target in targets]
        if turn_back and not all(target.refresh or target.fleet.record for target in targets):
            raise Refused("the rollout has ended meanwhile: run the same again")
        ahead = _ahead(run, targets)
        if ahead:
            _note(run, ahead)
        if len(ahead) > 1:
            ahead = [target.with_policy(together=True) for target in ahead]
        refused = [text for target in ahead if (text := preflight(run, target))]
        if refused:
            raise Refused("\n".join(refused))
        if run.dry:
            for target in ahead:
                show(run, target)
        ended = _roll(run, ahead) if ahead and not run.dry else []
        # Within the step: neither its outcome nor its hooks may call it done.
        if not turn_back:
            _require_over(run, ended)
        return ended


def _require_over(run: Run, ended: Sequence[Outcome]) -> None:
    """Raise RolledBack or Paused where a group has not reached its version."""
    back = [outcome.text for outcome in ended if outcome.progress is Progress.RETURNED]
    if back:
        raise RolledBack("\n".join(back))
    paused = [f"{outcome.group}: {outcome.text}" for outcome in ended if outcome.progress is Progress.PAUSED]
    if paused:
        again = run.command
        raise Paused("\n".join(paused), again if " --yes" in again else f"{again} --yes")


def _note(run: Run, targets: Sequence[GroupTarget]) -> None:
    """Note which versions the groups leave and go to, and the revision of the latter, for hooks and events."""
    ways = {t.name: (t.target, t.source) if t.goes_back else (t.source, t.target) for t in targets}
    run.journal.note(
        from_versions=" ".join(f"{name}={left.number}" for name, (left, _) in ways.items()),
        to_versions=" ".join(f"{name}={wanted.number}" for name, (_, wanted) in ways.items()),
    )
    revisions = {revision_of(wanted.description) for _, wanted in ways.values()} - {None}
    if len(revisions) == 1:
        run.journal.note(revision=str(revisions.pop()))


def _ahead(run: Run, targets: Sequence[GroupTarget]) -> list[GroupTarget]:
    """Return the groups with something to do."""
    turned = [target.name for target in targets if target.fleet.record and target.fleet.record.back]
    ahead = []
    for target in targets:
        first = decide(target.fleet, target.policy, target.goal, target.group.at or run.clock.now())
        if isinstance(first, Done) and not target.refresh:
            run.out.say(str(first))
            if not run.dry:
                lock_of(run, target.name, "cleaning up").sweep()
                _catch_up(run, target)
        elif turned and not target.fleet.record:
            run.out.say(f"{target.name} stays as it is: {turned[0]} is being rolled back, and the groups go together")
        else:
            ahead.append(target)
    return ahead


def _catch_up(run: Run, target: GroupTarget) -> None:
    """Carry out what an earlier run had noted, which was killed at its very end."""
    if noted := schedules.left_over(target.group):
        with lock_of(run, target.name, "scheduled actions"):
            schedules.catch_up(run, target.name, noted)


def _roll(run: Run, targets: Sequence[GroupTarget]) -> list[Outcome]:
    untried = untried_versions(run, targets)
    with ExitStack() as stack:
        locks = {
            target.name: stack.enter_context(lock_of(run, target.name, f"rollout to version {target.target.number}"))
            for target in targets
        }
        _refuse_retired(targets, run)
        revisions = Revisions(run)
        if untried or any(target.policy.revisions and target.group.target_groups for target in targets):
            revisions.host = stack.enter_context(open_management(run)[1])
        for target in untried:
            smoke_boot(run, target.group, target.target, revisions, locks[target.name])
        began = run.clock.now()
        if run.out.is_live:
            see = LiveLanes(run.out, run.clock.now).see
            run.journal.viewers.append(see)
            stack.callback(run.journal.viewers.remove, see)
        noted = {target.name: found for target in targets if (found := schedules.note(run, target))}
        workers = stack.enter_context(Workers(run)) if any(not t.group.target_groups for t in targets) else None
        ended = roll([_begun(run, target, revisions, locks[target.name], workers) for target in targets])
        _record(run, targets, ended, began)
        for name, found in noted.items():
            schedules.catch_up(run, name, found)
    if len(targets) > 1 and all(outcome.progress is Progress.OVER for outcome in ended):
        _show_all(run, targets, run.clock.now() - began)
    return ended


def _refuse_retired(targets: Sequence[GroupTarget], run: Run) -> None:
    """Raise Refused where prune-images took the image for unused before the locks named the version."""
    if lost := [image_missing(run, target) for target in targets if not target.fleet.record and image_missing(run, target)]:
        raise Refused("\n".join(lost))


def _begun(run: Run, target: GroupTarget, revisions: Revisions, lock: Lock, workers: Workers | None) -> GroupRollout:
    progress = Progress.BACK if target.goes_back else Progress.GOING
    pace = Pace(launch=autoscaling.launch_seconds(run.cloud, target.name))
    if workers is not None and not target.group.target_groups:
        own = WorkerEngine(run, target.name, target.policy, target.goal, workers=workers)
        return GroupRollout(run, target.name, own, lock, Questions(workers.revisions, workers.answers), progress, pace=pace)
    engine: Engine = (
        RefreshEngine(run, target.name, target.policy, target.goal, target.refresh)
        if run.settings.rollout.engine == REFRESH
        else RampedEngine(run, target.name, target.policy, target.goal)
    )
    return GroupRollout(
        run, target.name, engine, lock, Questions(revisions.ask, revisions.answers, revisions.pages), progress, pace=pace
    )


def _record(run: Run, targets: Sequence[GroupTarget], ended: Sequence[Outcome], began: float) -> None:
    """Record the outcome of the versions; a version of two groups that was rolled back in one counts as rolled back."""
    own = run.journal
    how = Released(own.by or who(), began, run.clock.now() - began, "", "", own.command, own.run, own.facts.get("snapshot", ""))
    found: dict[tuple[str, str], tuple[Version, str]] = {}
    for target, result in zip(targets, ended, strict=True):
        versions = {v.number: v for v in (target.source, target.target)}
        for number, outcome in outcomes(result.progress, target.goal.source, target.goal.target).items():
            key = (target.group.template, number)
            if key not in found or outcome == ROLLED_BACK:
                found[key] = (versions[number], outcome)
    goals = {(target.group.template, target.goal.target): target.goal for target in targets}
    for key, (version, outcome) in found.items():
        goal = goals.get(key)
        record_outcome(run, version, outcome, replace(how, source=goal.source, target=goal.target) if goal else None)


def _show_all(run: Run, targets: Sequence[GroupTarget], took: float) -> None:
    rows = [
        [target.name, target.goal.source, target.goal.target, str(len(target.group.members)), f"{took:.0f} s"]
        for target in targets
    ]
    run.out.table("rolled out together", ("group", "from", "to", "instances", "took"), rows)
