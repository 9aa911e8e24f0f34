"""What takes a group to a version: an engine observes it, decides and applies; this one replaces the instances itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from ..aws import fleets
from ..aws.autoscaling import Group
from ..decisions.rollout.decide import Goal, decide
from ..decisions.rollout.groups import Instruction, Progress
from ..decisions.rollout.memory import Memory
from ..decisions.rollout.snapshot import Fleet, Policy
from ..decisions.rollout.steps import Advance, Done, Forget, Hold, Pause, Step, TurnBack
from ..decisions.rollout.view import View
from ..runtime.run import Run


@dataclass(frozen=True)
class Look:
    """A group as it was at one moment: `now` is the time of AWS's answer, in epoch seconds."""

    fleet: Fleet
    group: Group
    now: float


class Engine(Protocol):
    """What takes one group to a version. Nothing but `observe` and `apply` calls AWS."""

    policy: Policy

    def observe(self, seen: Fleet | None) -> Look | str:
        """Look at the group; a text says why AWS has to be asked again later. `seen`: the look before."""

    def wanted(self, fleet: Fleet) -> str:
        """Return the version whose instances are to serve in the end."""

    def decide(self, look: Look, instruction: Instruction) -> Step:
        """Return what to do next."""

    def apply(self, look: Look, step: Step) -> str | None:
        """Make the API calls of a step; a text says why AWS rejected them for now."""

    def progress(self, look: Look, step: Step) -> Progress:
        """Return how far the group is once the step is made."""

    def view(self, look: Look) -> View | None:
        """Return what tells which instances do not serve, and None where nothing is under way."""

    def returned(self, look: Look) -> str:
        """Say from which version to which the group was rolled back."""


@dataclass
class RampedEngine:
    """Launch first, prove, then terminate: every step is decided here, and the record of the run is in the group's tags."""

    run: Run
    group: str
    policy: Policy
    goal: Goal
    memory: Memory = Memory()

    def observe(self, seen: Fleet | None) -> Look | str:
        """Look at the group; a text says why AWS has to be asked again later."""
        alarms = self.run.settings.rollout.alarms
        looked = fleets.look(self.run.cloud, self.group, alarms, seen=seen, memory=self.memory)
        if isinstance(looked, str):
            return looked
        fleet, group = looked
        # AWS's own clock: the operator's may be wrong, and launches are dated by AWS.
        if fleet.record:
            self.memory = replace(self.memory, record=fleet.record)
        return Look(fleet, group, group.at or self.run.clock.now())

    def wanted(self, fleet: Fleet) -> str:
        """Return the version whose instances are to serve in the end; "" before the run has begun."""
        return fleet.record.wanted if fleet.record else ""

    def decide(self, look: Look, instruction: Instruction) -> Step:
        """Return what to do next."""
        return decide(look.fleet, replace(self.policy, hold=instruction.hold, stop=instruction.stop), self.goal, look.now)

    def apply(self, look: Look, step: Step) -> str | None:
        """Make the API calls of a step; a text says why AWS rejected them for now."""
        rejection = fleets.apply(self.run.cloud, look.group, step)
        if rejection is None:
            self.memory = self.memory.after(step, look.now)
        return rejection

    def progress(self, look: Look, step: Step) -> Progress:
        """Return how far the group is once the step is made."""
        record = step.record if isinstance(step, Advance) else look.fleet.record
        if isinstance(step, Done):
            return Progress.OVER
        if isinstance(step, TurnBack) or (record is not None and record.back and not record.aborted):
            return Progress.RETURNED if isinstance(step, Forget) else Progress.BACK
        if isinstance(step, Pause):
            return Progress.PAUSED
        if isinstance(step, Hold):
            return Progress.READY
        return Progress.ENDING if record is not None and record.passed >= max(1, record.size) else Progress.GOING

    def view(self, look: Look) -> View | None:
        """Return what tells which instances do not serve, and None where nothing is under way."""
        return View(look.fleet, self.policy, look.fleet.record, look.now) if look.fleet.record else None

    def returned(self, look: Look) -> str:
        """Say from which version to which the group was rolled back."""
        record = look.fleet.record
        assert record is not None
        return f"version {record.target} was rolled back to {record.source}"
