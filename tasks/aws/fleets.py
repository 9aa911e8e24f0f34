"""Observe a group as one `Fleet`, and apply the steps of a rollout to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from botocore.exceptions import ClientError

from ..decisions.rollout.looks import WHOLE, Look, is_booting, only_health, unread
from ..decisions.rollout.memory import Memory
from ..decisions.rollout.record import TAGS, from_tags, to_tags
from ..decisions.rollout.snapshot import Fleet, FleetInstance, Record
from ..decisions.rollout.steps import (
    Abort,
    Advance,
    Begin,
    Copy,
    Empty,
    Forget,
    Lower,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Retire,
    Return,
    Rewrite,
    Step,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
)
from ..errors import Refused
from ..runtime.cloud import Cloud, error_code, throttled
from . import autoscaling, instances, launch_templates, target_groups
from .alarms import firing
from .autoscaling import Group, GroupMember
from .group_history import GroupHistory, of_fleet, read_history
from .records import keep, kept
from .target_groups import TargetHealth

NOTHING = Memory()
_UNKNOWN = TargetHealth("unused", "")
# States of a target that pass by themselves, or need no reason.
_COMING = ("healthy", "initial", "draining")
# Returned by `try_observe` for an answer older than our last write; for half a minute at most.
LAGS = "waiting until AWS shows the last change"

# Errors that are safe to retry at the next poll: the group is busy, or the instance is gone.
_RETRYABLE = (
    "ScalingActivityInProgress",
    "ScalingActivityInProgressFault",
    "ResourceContention",
    "ResourceContentionFault",
    "ResourceInUse",
)


def try_observe(
    cloud: Cloud,
    name: str,
    alarms: Sequence[str] = (),
    since: float | None = None,
    seen: Fleet | None = None,
    memory: Memory = NOTHING,
    look: Look = WHOLE,
) -> tuple[Fleet, Group] | str:
    """Observe a group, or return why to retry: AWS throttles, or its answer is older than our last write.

    Raises as `observe` does.
    """
    try:
        fleet, group = observe(cloud, name, alarms, since, seen, memory, look)
    except ClientError as error:
        return _throttling(error)
    memory = memory.met(fleet)
    if group.at is not None and memory.lags(fleet, group.at):
        return LAGS
    return memory.complete(fleet), group


def observe(
    cloud: Cloud,
    name: str,
    alarms: Sequence[str] = (),
    since: float | None = None,
    seen: Fleet | None = None,
    memory: Memory = NOTHING,
    look: Look = WHOLE,
) -> tuple[Fleet, Group]:
    """Read a group once: the group, its target groups and, during a run, its activities and alarms.

    `since`: epoch seconds from which activities are read without a record of a run; None: none are read. `seen`: the previous
    fleet; while the group is complete and its members are the same, there are no new activities, and none are read either.
    `memory`: the writes of this process. `look`: what need not be read, and is taken from `seen`.
    The number of calls grows with the fleet only by pages. Raises Refused when the group or its record cannot be read.
    """
    group = autoscaling.group(cloud, name)
    record, vanished = _record(cloud, group, memory)
    blind = _is_blind(group, seen, look)
    health = [] if blind or look.again else [target_groups.details(cloud, arn) for arn in group.target_groups]
    since = record.started if record else since
    known = seen if seen and seen.record == record and _at_rest(group, seen, memory.dismissed) else None
    if known:
        history = of_fleet(known)
    elif since is not None:
        history = read_history(cloud, name, since, seen, record.failing_since if record else 0.0)
    else:
        history = GroupHistory()
    fleet = Fleet(
        group=name,
        minimum=group.minimum,
        maximum=group.maximum,
        desired=group.desired,
        version=group.version,
        instances=tuple(_instance(group, m, health, history.times.get(m.id, 0.0)) for m in group.members),
        zones=group.zones,
        suspended=frozenset(group.suspended),
        record=record,
        vanished=vanished,
        failures=history.failures,
        launches=len(history.launched),
        launched=history.launched,
        excused=history.excused,
        died=history.died,
        requested=history.requested,
        protects_new=group.protects_new,
        alarms=firing(cloud, alarms) if record and not record.back else (),
        pool=tuple(_instance(group, m, [], 0.0) for m in autoscaling.warm_pool(cloud, group)),
        reuses=group.reuses,
        heaviest=group.weights[1],
        lightest=group.weights[0],
        latest=_latest(cloud, group) if record and record.back and record.latest else "",
    )
    if seen and (blind or look.again):
        fleet = unread(fleet, seen, len(group.target_groups), blind=blind)
    return fleet, group


def try_health(cloud: Cloud, group: Group, seen: Fleet) -> Fleet | str:
    """Read the health of targets alone; return `seen` with it, or why to retry: AWS throttles."""
    try:
        health = [target_groups.details(cloud, arn) for arn in group.target_groups]
    except ClientError as error:
        return _throttling(error)
    return only_health(seen, {i.id: _with_health(i, health) for i in seen.instances})


def _throttling(error: ClientError) -> str:
    if not throttled(error):
        raise error
    return f"AWS rejected the call, retrying: {error.response['Error'].get('Message', error)}"


def _is_blind(group: Group, seen: Fleet | None, look: Look) -> bool:
    if seen is None or look.booting is None or not group.target_groups:
        return False
    return is_booting({m.id: m.lifecycle for m in group.members}, seen, look.booting)


def _record(cloud: Cloud, group: Group, memory: Memory) -> tuple[Record | None, bool]:
    try:
        return memory.record_of(from_tags(group.tags), lambda: kept(cloud, group.name))
    except ValueError as error:
        raise Refused(f"{group.name}: the record of the rollout under way cannot be read: {error}") from error


def _latest(cloud: Cloud, group: Group) -> str:
    return launch_templates.version(cloud, group.template, "$Latest").number


def _at_rest(group: Group, seen: Fleet, dismissed: frozenset[str]) -> bool:
    """Return whether the group is complete, and no instance has come, or gone but those that we have terminated."""
    here, before = {m.id for m in group.members}, {i.id for i in seen.instances}
    staying = sum(m.weight for m in group.members if not m.lifecycle.startswith("Terminating"))
    return here ^ before <= dismissed - here and staying >= group.desired


def _instance(group: Group, member: GroupMember, health: list[dict[str, TargetHealth]], launched: float) -> FleetInstance:
    # The resolved number of the group's own template identifies a version; another template is another version.
    own = member.template == group.template
    instance = FleetInstance(
        id=member.id,
        zone=member.zone,
        lifecycle=member.lifecycle,
        version=member.version if own else f"{member.template}:{member.version}",
        weight=member.weight,
        protected=member.protected,
        health=member.health,
        since=launched,
    )
    return _with_health(instance, health)


def _with_health(instance: FleetInstance, health: list[dict[str, TargetHealth]]) -> FleetInstance:
    here = [states.get(instance.id, _UNKNOWN) for states in health]
    reason = next((f"{state.state}: {state.reason}" for state in here if state.reason and state.state not in _COMING), "")
    return replace(instance, targets=tuple(state.state for state in here), reason=reason)


def apply(cloud: Cloud, group: Group, step: Step, made: list[str] | None = None) -> str | None:
    """Make the API calls of a step.

    `made` gets the instances that were terminated. Returns None, or why AWS rejected the call for now: the next poll decides
    again.
    """
    try:
        _apply(cloud, group, step, [] if made is None else made)
    except ClientError as error:
        gone = isinstance(step, Terminate | Retire | Return | Protect | Unprotect) and error_code(error) == "ValidationError"
        if error_code(error) in _RETRYABLE or gone or throttled(error):
            return str(error.response["Error"].get("Message", error))
        raise
    return None


def _apply(cloud: Cloud, group: Group, step: Step, made: list[str]) -> None:
    name = group.name
    match step:
        case Begin(record) | Rewrite(record) | TurnBack(record) | Advance(record) | Abort(record):
            _write(cloud, name, record)
        case Suspend(processes):
            autoscaling.suspend(cloud, name, processes)
        case Resume(processes):
            autoscaling.resume(cloud, name, processes)
        case Copy(version, run):
            launch_templates.copy(cloud, group.template, version, run)
        case Point(version, desired, maximum):
            autoscaling.point(cloud, group, version, desired, maximum)
        case Protect(ids):
            autoscaling.protect(cloud, name, ids, True)
        case Unprotect(ids):
            autoscaling.protect(cloud, name, ids, False)
        case Return(ids, record):
            _write(cloud, name, record)
            for id in autoscaling.terminate(cloud, name, ids, decrement=True):
                made.append(id)
        case Terminate(ids) | Retire(ids):
            for id in autoscaling.terminate(cloud, name, ids, decrement=False):
                made.append(id)
        case Lower(record, desired, maximum):
            _write(cloud, name, record)
            autoscaling.resize(cloud, name, desired, maximum)
        case Empty(ids):
            # TerminateInstanceInAutoScalingGroup cannot be called on instances in a warm pool.
            instances.terminate(cloud, ids)
        case RestoreMax(maximum):
            autoscaling.set_maximum(cloud, name, maximum)
        case Forget():
            keep(cloud, name, None)
            autoscaling.drop_tags(cloud, name, TAGS)
        case _:
            raise AssertionError(f"{step!r} is not for AWS")


def _write(cloud: Cloud, name: str, record: Record) -> None:
    """Write a record, the copy first: the tags have priority, and the copy is never older than they."""
    keep(cloud, name, record)
    autoscaling.write_tags(cloud, name, to_tags(record))
