"""The other engine of a rollout: EC2 Auto Scaling replaces the instances by an instance refresh, which is watched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..aws import fleets, launch_templates, refreshes
from ..decisions.rollout.decide import Goal
from ..decisions.rollout.groups import Instruction, Progress
from ..decisions.rollout.instance_refresh import Cancel, GoBack, Pin, Refresh, Returned, Start, follow, view_of
from ..decisions.rollout.snapshot import Fleet, Policy
from ..decisions.rollout.steps import Copy, Done, Hold, Step
from ..decisions.rollout.view import View
from ..runtime.run import Run
from .engine import Look


@dataclass
class RefreshEngine:
    """An instance refresh to a version; it lives in AWS, and goes on without us."""

    run: Run
    group: str
    policy: Policy
    goal: Goal
    refresh: Refresh | None = None
    backwards: bool = False  # the goal is the old version
    pinned: bool = False  # the group followed $Latest until we named a number

    def observe(self, seen: Fleet | None) -> Look | str:
        """Look at the refresh and the group; a text says why AWS has to be asked again later."""
        found = refreshes.look(self.run.cloud, self.group)
        if isinstance(found, str):
            return found
        self.refresh = self._ours(found)
        looked = fleets.look(self.run.cloud, self.group, since=self.refresh.started if self.refresh else None)
        if isinstance(looked, str):
            return looked
        fleet, group = looked
        if self.pinned and (self.backwards or (self.refresh and self.refresh.status == "RollbackSuccessful")):
            newest = launch_templates.version(self.run.cloud, group.template, "$Latest").number
            fleet = replace(fleet, latest=newest)
        return Look(fleet, group, group.at or self.run.clock.now())

    def _ours(self, found: list[Refresh]) -> Refresh | None:
        """Return the refresh that is watched already, or one under way to our goal, whoever started it."""
        if self.refresh:
            return next((one for one in found if self.refresh and one.id == self.refresh.id), None)
        return next((one for one in found if one.under_way and one.version == self.goal.target), None)

    def wanted(self, fleet: Fleet) -> str:
        """Return the version whose instances are to serve in the end."""
        return self.goal.target

    @property
    def _versions(self) -> tuple[str, str]:
        """Return the old version and the new one."""
        return (self.goal.target, self.goal.source) if self.backwards else (self.goal.source, self.goal.target)

    def decide(self, look: Look, instruction: Instruction) -> Step:
        """Return what to do next."""
        stop = "" if self.backwards else instruction.stop or self.policy.turn_back
        policy = replace(self.policy, hold=instruction.hold, stop=stop)
        step = follow(look.fleet, self.refresh, policy, self.goal, self.run.settings.rollout.alarms, look.now)
        if isinstance(step, Done) and self.backwards:
            step = Returned(str(step))
        old, new = self._versions
        if isinstance(step, Returned) and look.fleet.latest == new:
            return Copy(old, self.goal.run)
        return step

    def apply(self, look: Look, step: Step) -> str | None:
        """Make the API call of a step; a text says why AWS rejected it for now."""
        if isinstance(step, Copy):
            return fleets.apply(self.run.cloud, look.group, step)
        if not isinstance(step, Pin | Start | GoBack | Cancel):
            return None
        rejection = refreshes.apply(self.run.cloud, look.group, step)
        if rejection is None:
            self._applied(look, step)
        return rejection

    def _applied(self, look: Look, step: Step) -> None:
        self.pinned = self.pinned or (isinstance(step, Pin) and look.group.version == "$Latest")
        if isinstance(step, Start):
            self.refresh = None
            if step.version != self.goal.target:
                self.goal = Goal(self.goal.run, self.goal.target, self.goal.source)
                self.backwards = True

    def progress(self, look: Look, step: Step) -> Progress:
        """Return how far the group is once the step is made."""
        if isinstance(step, Done):
            return Progress.OVER
        if isinstance(step, Returned):
            return Progress.RETURNED
        turned = self.refresh is not None and self.refresh.status.startswith("Rollback")
        if self.backwards or turned or isinstance(step, GoBack):
            return Progress.BACK
        return Progress.READY if isinstance(step, Hold) else Progress.GOING

    def view(self, look: Look) -> View | None:
        """Return what tells which instances do not serve, and None where nothing is under way."""
        return view_of(look.fleet, self.refresh, self.policy, self.goal, look.now) if self.refresh else None

    def returned(self, look: Look) -> str:
        """Say from which version to which the group was rolled back."""
        old, new = self._versions
        return f"version {new} was rolled back to {old}"
