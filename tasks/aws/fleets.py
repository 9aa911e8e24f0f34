"""Observe a group as one `Fleet`, and apply the steps of a rollout to it: the two ends of its loop."""

from __future__ import annotations

import re
from collections.abc import Sequence

from botocore.exceptions import ClientError

from ..decisions.rollout.record import TAGS, from_tags, to_tags
from ..decisions.rollout.snapshot import Fleet, Instance
from ..decisions.rollout.steps import (
    Abort,
    Advance,
    Begin,
    Copy,
    Forget,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Return,
    Step,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
)
from ..errors import Refused
from ..runtime.cloud import Cloud, error_code, throttled
from . import autoscaling, launch_templates, target_groups
from .alarms import firing
from .autoscaling import Activity, Group, Member

_LAUNCH = re.compile(r"Launching a new EC2 instance(?:: (i-[0-9a-f]+))?")

# An answer to a write that the next look puts right: the group is busy, or the instance is gone by now.
_LATER = (
    "ScalingActivityInProgress",
    "ScalingActivityInProgressFault",
    "ResourceContention",
    "ResourceContentionFault",
    "ResourceInUse",
)


def look(
    cloud: Cloud, name: str, alarms: Sequence[str] = (), since: float | None = None, seen: Fleet | None = None
) -> tuple[Fleet, Group] | str:
    """Observe a group, or return why that has to wait: AWS asks for fewer calls. Raises as `observe` does."""
    try:
        return observe(cloud, name, alarms, since, seen)
    except ClientError as error:
        if not throttled(error):
            raise
        return str(error.response["Error"].get("Message", error))


def observe(
    cloud: Cloud, name: str, alarms: Sequence[str] = (), since: float | None = None, seen: Fleet | None = None
) -> tuple[Fleet, Group]:
    """Look at a group once: the group, its target groups and, during a run, its activities and the alarms that are to stop it.

    `since`: epoch seconds from which activities are read where no record of a run says it; None: none are read. `seen`: the look
    before; while the group is whole and its members are the same, no launch has failed or come, and none are read either.
    The number of calls does not grow with the fleet, but for pages. Raises Refused when the group or its record cannot be read.
    """
    group = autoscaling.group(cloud, name)
    try:
        record = from_tags(group.tags)
    except ValueError as error:
        raise Refused(f"{name}: the record of the rollout under way cannot be read: {error}") from error
    health = [target_groups.health(cloud, arn) for arn in group.target_groups]
    since = record.started if record else since
    known = seen if seen and seen.record == record and _at_rest(group, seen) else None
    done = [] if since is None or known else autoscaling.activities(cloud, name, since)
    launched = _launches(done)
    failures = tuple(a.message or a.description for a in done if a.status == "Failed" and _LAUNCH.match(a.description))
    fleet = Fleet(
        group=name,
        minimum=group.minimum,
        maximum=group.maximum,
        desired=group.desired,
        version=group.version,
        instances=tuple(_instance(group, m, health, launched.get(m.id, 0.0)) for m in group.members),
        zones=group.zones,
        suspended=group.suspended,
        record=record,
        failures=known.failures if known else failures,
        launches=known.launches if known else len(launched),
        protects_new=group.protects_new,
        alarms=firing(cloud, alarms) if record and not record.back else (),
        latest=_latest(cloud, group) if record and record.back and record.latest else "",
    )
    return fleet, group


def _latest(cloud: Cloud, group: Group) -> str:
    return launch_templates.version(cloud, group.template, "$Latest").number


def _at_rest(group: Group, seen: Fleet) -> bool:
    here, before = {m.id for m in group.members}, {i.id for i in seen.instances}
    leaving = sum(1 for m in group.members if m.lifecycle.startswith("Terminating"))
    return here == before and len(group.members) - leaving >= group.desired


def _launches(activities: list[Activity]) -> dict[str, float]:
    found = {}
    for one in activities:
        match = _LAUNCH.match(one.description)
        if match and match[1] and one.status != "Failed":
            found[match[1]] = one.started
    return found


def _instance(group: Group, member: Member, health: list[dict[str, str]], launched: float) -> Instance:
    # Versions are told apart by the resolved number of the group's own template; another template is another version.
    own = member.template == group.template
    return Instance(
        id=member.id,
        zone=member.zone,
        lifecycle=member.lifecycle,
        version=member.version if own else f"{member.template}:{member.version}",
        protected=member.protected,
        health=member.health,
        targets=tuple(states.get(member.id, "unused") for states in health),
        since=launched,
    )


def apply(cloud: Cloud, group: Group, step: Step) -> str | None:
    """Make the API calls of a step.

    Returns None, or why AWS rejected the call for now; the next look decides anew.
    """
    try:
        _apply(cloud, group, step)
    except ClientError as error:
        gone = isinstance(step, Terminate | Return | Protect | Unprotect) and error_code(error) == "ValidationError"
        if error_code(error) in _LATER or gone or throttled(error):
            return str(error.response["Error"].get("Message", error))
        raise
    return None


def _apply(cloud: Cloud, group: Group, step: Step) -> None:
    name = group.name
    match step:
        case Begin(record) | TurnBack(record) | Advance(record) | Abort(record):
            autoscaling.write_tags(cloud, name, to_tags(record))
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
            autoscaling.write_tags(cloud, name, to_tags(record))
            for id in ids:
                autoscaling.terminate(cloud, id, decrement=True)
        case Terminate(ids):
            for id in ids:
                autoscaling.terminate(cloud, id, decrement=False)
        case RestoreMax(maximum):
            autoscaling.set_maximum(cloud, name, maximum)
        case Forget():
            autoscaling.drop_tags(cloud, name, TAGS)
        case _:
            raise AssertionError(f"{step!r} is not for AWS")
