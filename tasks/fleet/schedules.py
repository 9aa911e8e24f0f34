"""Scheduled actions that fall into a rollout: noted before it begins, carried out when it has ended."""

from __future__ import annotations

from ..aws import autoscaling
from ..aws.autoscaling import Group
from ..decisions.rollout.record import MAIN
from ..decisions.rollout.schedules import (
    TAG,
    Noted,
    ScheduledAction,
    Sizes,
    from_tag,
    horizon,
    missed,
    still_meant,
    telling,
    to_tag,
    upcoming,
)
from ..runtime.run import Run
from .target import REFRESH, GroupTarget


def note(run: Run, target: GroupTarget) -> Noted | None:
    """Note in a tag of the group what may fall into its rollout; return that, or None.

    AWS removes an action from its list, or names its next time, when its time has passed: a run after a crash needs the tag.
    """
    group, fleet, now = target.group, target.fleet, target.group.at or run.clock.now()
    record = fleet.record
    by_others = "ScheduledActions" in fleet.suspended and not (record and "ScheduledActions" in record.suspended)
    if run.settings.rollout.engine == REFRESH or by_others:
        return None
    soon = telling(upcoming(target.scheduled, now, now + horizon_of(run, target)))
    before = Sizes(group.minimum, record.maximum if record else group.maximum, record.desired if record else group.desired)
    earlier = left_over(group)
    if not soon and not earlier:
        return None
    noted = (earlier or Noted(before, ())).with_actions(soon)
    if group.tags.get(TAG) != to_tag(noted):
        autoscaling.write_tags(run.cloud, target.name, {TAG: to_tag(noted)})
    return noted


def horizon_of(run: Run, target: GroupTarget) -> float:
    """Return the seconds within which a scheduled action may fall into the rollout of a group."""
    return horizon(run.settings.rollout.timeout, waits=bool(target.policy.pauses and not target.policy.pause))


def left_over(group: Group) -> Noted | None:
    """Return what an earlier run has noted and not dealt with."""
    return from_tag(group.tags.get(TAG, ""))


def catch_up(run: Run, name: str, noted: Noted) -> None:
    """Carry out what was due during a rollout that has ended, and drop the note; a rollout that pauses says what waits for it.

    Raises botocore's ClientError; the next run does it then.
    """
    group = autoscaling.group(run.cloud, name)
    now = group.at or run.clock.now()
    if MAIN in group.tags:
        for action in noted.actions:
            run.out.warn(f"{name}: scheduled action {action} is carried out when the rollout has ended, not before")
        return
    due = noted.due(now)
    if due:
        _carry_out(run, group, noted, due)
    autoscaling.drop_tags(run.cloud, name, [TAG])


def _carry_out(run: Run, group: Group, noted: Noted, due: list[ScheduledAction]) -> None:
    here = Sizes(group.minimum, group.maximum, group.desired)
    wanted, left = still_meant(noted, here, due)
    for action in due:
        run.out.say(f"{group.name}: scheduled action {action} was due during the rollout")
    if wanted != here:
        run.out.say(f"{group.name}: set {wanted}, as scheduled; it was {here}")
        autoscaling.set_sizes(run.cloud, group.name, wanted.minimum, wanted.desired, wanted.maximum)
    if left:
        run.out.warn(f"{group.name}: {'; '.join(left)}")
        run.out.warn(missed(group.name, due[-1]))
