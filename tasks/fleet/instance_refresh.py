"""The other engine of a rollout: EC2 Auto Scaling replaces the instances by an instance refresh, and is followed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..aws import fleets, launch_templates, refreshes
from ..aws.autoscaling import Group
from ..decisions.rollout.decide import Goal
from ..decisions.rollout.groups import Orders, Standing
from ..decisions.rollout.instance_refresh import Cancel, GoBack, Pin, Refresh, Returned, Start, follow, view_of
from ..decisions.rollout.snapshot import Fleet
from ..decisions.rollout.steps import Copy, Done, Hold, Step, Stop
from ..errors import Resumable
from .loop import Roll


@dataclass
class Following(Roll):
    """One group that an instance refresh takes to a version; the refresh itself lives in AWS, and goes on without us."""

    refresh: Refresh | None = None
    backwards: bool = False  # the goal is the old version
    pinned: bool = False  # the group followed $Latest until we named a number

    @property
    def wanted(self) -> str:
        """Return the version whose instances are asked for their revision."""
        return self.goal.target

    def turn(self, orders: Orders) -> None:
        """Look once, and take one step. Raises Resumable when it stopped half-way."""
        looked = self._look()
        if looked is None:
            return
        fleet, described, now = looked
        policy = replace(self.policy, hold=orders.hold, stop="" if self.backwards else orders.stop or self.policy.stop)
        step = follow(fleet, self.refresh, policy, self.goal, self.run.settings.rollout.alarms, now)
        if isinstance(step, GoBack | Stop | Returned) and self.refresh:
            self.why = self.why or (step.why if isinstance(step, GoBack) else str(step))
            self._explain(view_of(fleet, self.refresh, policy, self.goal, now), described)
        if isinstance(step, Stop):
            raise Resumable(f"{self.group}: {step}", self.run.command)
        if isinstance(step, Returned | Done):
            self._end(described, step)
        else:
            self._take(described, step)

    def _end(self, group: Group, step: Step) -> None:
        if isinstance(step, Done) and not self.backwards:
            self.run.out.say(str(step))
            self.standing = Standing.OVER
            return
        old, new = (self.goal.target, self.goal.source) if self.backwards else (self.goal.source, self.goal.target)
        if self.pinned and launch_templates.version(self.run.cloud, group.template, "$Latest").number == new:
            self._do(group, Copy(old, self.goal.run))
        reason = (self.why or str(step)).rstrip(".")
        self.told = f"{self.group}: version {new} was rolled back to {old}: {reason}. Every instance serves as before"
        self.standing = Standing.RETURNED

    def _take(self, group: Group, step: Step) -> None:
        back = isinstance(step, GoBack) or (self.refresh is not None and self.refresh.status == "RollbackInProgress")
        if isinstance(step, Hold):
            self.standing = Standing.THERE
        elif back or self.backwards:
            self.standing = Standing.BACK
        if not self._do(group, step):
            return
        self.pinned = self.pinned or (isinstance(step, Pin) and group.version == "$Latest")
        if isinstance(step, Start) and step.version != self.goal.target:
            self.goal = Goal(self.goal.run, self.goal.target, self.goal.source)
            self.backwards, self.standing = True, Standing.BACK
        if isinstance(step, Start):
            self.refresh = None

    def _observed(self) -> tuple[Fleet, Group] | str:
        found = refreshes.look(self.run.cloud, self.group)
        if isinstance(found, str):
            return found
        self.refresh = self._ours(found)
        return fleets.look(self.run.cloud, self.group, since=self.refresh.started if self.refresh else None)

    def _ours(self, found: list[Refresh]) -> Refresh | None:
        """Return the one that we follow, or one under way to our goal, whoever began it."""
        if self.refresh:
            return next((one for one in found if self.refresh and one.id == self.refresh.id), None)
        return next((one for one in found if one.under_way and one.version == self.goal.target), None)

    def _applied(self, group: Group, step: Step) -> str | None:
        if isinstance(step, Pin | Start | GoBack | Cancel):
            return refreshes.apply(self.run.cloud, group, step)
        return super()._applied(group, step) if isinstance(step, Copy) else None
