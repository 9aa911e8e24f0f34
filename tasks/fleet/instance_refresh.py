"""The second engine of a rollout: EC2 Auto Scaling replaces the instances by an instance refresh, which is polled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..aws import fleets, launch_templates, refreshes
from ..decisions.rollout.decide import Goal
from ..decisions.rollout.groups import Instruction, Progress
from ..decisions.rollout.instance_refresh import Cancel, GoBack, Pin, Refresh, Returned, Start, follow, view_of
from ..decisions.rollout.looks import Look
from ..decisions.rollout.snapshot import Fleet, Policy
from ..decisions.rollout.steps import Copy, Done, Hold, Step
from ..decisions.rollout.view import View
from ..runtime.run import Run
from .engine import Observation


@dataclass
class RefreshEngine:
    """An instance refresh to a version; AWS carries it out, also without us."""

    run: Run
    group: str
    policy: Policy
    goal: Goal
    refresh: Refresh | None = None
    backwards: bool = False  # the goal is the old version
    pinned: bool = False  # the group followed $Latest until we named a number
    shown: frozenset[str] = frozenset()  # the last refreshes of the group
    earlier: frozenset[str] | None = None  # the refreshes that there were before this process started one

    def observe(self, seen: Fleet | None, look: Look) -> Observation | str:
        """Read the refresh and the group, or return why to retry."""
        found = refreshes.try_newest(self.run.cloud, self.group)
        if isinstance(found, str):
            return found
        self.shown = frozenset(refresh.id for refresh in found)
        self.refresh = self._ours(found)
        result = fleets.try_observe(self.run.cloud, self.group, since=self.refresh.started if self.refresh else None)
        if isinstance(result, str):
            return result
        fleet, group = result
        if self.pinned and (self.backwards or (self.refresh and self.refresh.status == "RollbackSuccessful")):
            newest = launch_templates.version(self.run.cloud, group.template, "$Latest").number
            fleet = replace(fleet, latest=newest)
        return Observation(fleet, group, group.at or self.run.clock.now())

    def _ours(self, found: list[Refresh]) -> Refresh | None:
        """Return the refresh that is followed already, or a refresh under way to our goal, also of another user."""
        if self.refresh:
            return next((refresh for refresh in found if self.refresh and refresh.id == self.refresh.id), None)
        to_goal = (refresh for refresh in found if refresh.version == self.goal.target)
        # What this process started may end before it is seen: started again, it could end so without end.
        return next((r for r in to_goal if r.under_way or (self.earlier is not None and r.id not in self.earlier)), None)

    def wanted(self, fleet: Fleet) -> str:
        """Return the version whose instances serve at the end."""
        return self.goal.target

    @property
    def _versions(self) -> tuple[str, str]:
        """Return the old version and the new version."""
        return (self.goal.target, self.goal.source) if self.backwards else (self.goal.source, self.goal.target)

    def decide(self, observed: Observation, instruction: Instruction) -> Step:
        """Return the next step."""
        stop = "" if self.backwards else instruction.stop or self.policy.turn_back
        # From the old version there is no other way back.
        rollback = self.policy.rollback and not self.backwards
        policy = replace(self.policy, hold=instruction.hold, stop=stop, rollback=rollback)
        step = follow(observed.fleet, self.refresh, policy, self.goal, self.run.settings.rollout.alarms, observed.now)
        if isinstance(step, Done) and self.backwards:
            step = Returned(str(step))
        old, new = self._versions
        if isinstance(step, Returned) and observed.fleet.latest == new:
            return Copy(old, self.goal.run)
        return step

    def apply(self, observed: Observation, step: Step) -> str | None:
        """Make the API call of a step; return None, or why AWS rejected it for now."""
        if isinstance(step, Copy):
            return fleets.apply(self.run.cloud, observed.group, step)
        if not isinstance(step, Pin | Start | GoBack | Cancel):
            return None
        rejection = refreshes.apply(self.run.cloud, observed.group, step)
        if rejection is None:
            self._applied(observed, step)
        return rejection

    def _applied(self, observed: Observation, step: Step) -> None:
        self.pinned = self.pinned or (isinstance(step, Pin) and observed.group.version == "$Latest")
        if isinstance(step, Start):
            self.refresh, self.earlier = None, self.shown
            if step.version != self.goal.target:
                self.goal = Goal(self.goal.run, self.goal.target, self.goal.source)
                self.backwards = True

    def progress(self, observed: Observation, step: Step) -> Progress:
        """Return the progress of the group once the step is made."""
        if isinstance(step, Done):
            return Progress.OVER
        if isinstance(step, Returned):
            return Progress.RETURNED
        turned = self.refresh is not None and self.refresh.status.startswith("Rollback")
        if self.backwards or turned or isinstance(step, GoBack):
            return Progress.BACK
        return Progress.READY if isinstance(step, Hold) else Progress.GOING

    def view(self, observed: Observation) -> View | None:
        """Return the view of the fleet, or None where nothing is under way."""
        return view_of(observed.fleet, self.refresh, self.policy, self.goal, observed.now) if self.refresh else None

    def returned(self, observed: Observation) -> str:
        """Describe the rollback that was carried out."""
        old, new = self._versions
        return f"version {new} was rolled back to {old}"
