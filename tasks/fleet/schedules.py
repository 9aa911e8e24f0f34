"""Scheduled actions that fall into a rollout: noted before it begins, carried out when it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..aws import autoscaling, group_settings
from ..aws.autoscaling import Group
from ..decisions.rollout.record import MAIN
from ..decisions.rollout.schedules import (
    TAG,
    Noted,
    ScheduledAction,
    Sizes,
    from_tag,
    missed,
    not_in_tag,
    not_noted,
    still_meant,
    to_tag,
)
from ..decisions.rollout.schedules_ahead import horizon, since, telling, upcoming
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
    end = now + horizon_of(run, target)
    soon, earlier = upcoming(target.scheduled, now, end), left_over(group)
    if not soon and not earlier and not any(action.recurs for action in target.scheduled):
        return None
    before = Sizes(group.minimum, record.maximum if record else group.maximum, record.desired if record else group.desired)
    noted = _continued(earlier or Noted(before, (), end), target.scheduled, now).with_actions(soon)
    noted = replace(noted, actions=tuple(telling(noted.actions)), until=end)
    in_tag = noted.lasting(now)
    if group.tags.get(TAG) != to_tag(in_tag):
        autoscaling.write_tags(run.cloud, target.name, {TAG: to_tag(in_tag)})
    for action in not_in_tag(in_tag):
        run.out.warn(not_noted(target.name, action))
    return noted


def horizon_of(run: Run, target: GroupTarget) -> float:
    """Return the seconds within which a scheduled action may fall into the rollout of a group."""
    return horizon(run.settings.rollout.timeout, waits=bool(target.policy.pauses and not target.policy.pause))


def left_over(group: Group) -> Noted | None:
    """Return what an earlier run has noted and not dealt with."""
    return from_tag(group.tags.get(TAG, ""))


def _continued(noted: Noted, actions: Sequence[ScheduledAction], now: float) -> Noted:
    """Return a note with what recurs and was due until now, where it says less: a rollout may pause for longer than foreseen."""
    return noted.with_actions(since(actions, noted.known, now))


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
    if noted.known < now:
        noted = _continued(noted, group_settings.scheduled(run.cloud, name), now)
    due = telling(noted.due(now))
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
