"""The engines of a rollout: observe a group, decide, apply; `RampedEngine` replaces the instances itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from botocore.exceptions import ClientError

from ..aws import fleets
from ..aws.autoscaling import Group
from ..decisions.rollout.decide import Goal, decide
from ..decisions.rollout.groups import Instruction, Progress
from ..decisions.rollout.looks import Look
from ..decisions.rollout.memory import Memory
from ..decisions.rollout.snapshot import Fleet, Policy
from ..decisions.rollout.steps import Advance, Done, Forget, Hold, Pause, Step, TurnBack
from ..decisions.rollout.view import View
from ..runtime.cloud import error_code, throttled
from ..runtime.run import Run
from .limits import Watch


@dataclass(frozen=True)
class Observation:
    """A group at one time: `now` is the time of AWS's answer, in epoch seconds."""

    fleet: Fleet
    group: Group
    now: float


class Engine(Protocol):
    """The interface of an engine for one group. Only `observe` and `apply` call AWS."""

    policy: Policy

    def observe(self, seen: Fleet | None, look: Look) -> Observation | str:
        """Read the group, or return why to retry. `seen`: the previous fleet; `look`: what need not be read again."""

    def wanted(self, fleet: Fleet) -> str:
        """Return the version whose instances serve at the end."""

    def decide(self, observed: Observation, instruction: Instruction) -> Step:
        """Return the next step."""

    def apply(self, observed: Observation, step: Step) -> str | None:
        """Make the API calls of a step; return None, or why AWS rejected them for now."""

    def progress(self, observed: Observation, step: Step) -> Progress:
        """Return the progress of the group once the step is made."""

    def view(self, observed: Observation) -> View | None:
        """Return the view of the fleet, or None where nothing is under way."""

    def returned(self, observed: Observation) -> str:
        """Describe the rollback that was carried out."""


@dataclass
class RampedEngine:
    """Launch first, prove, then terminate: every step is decided here, and the record of the run is in the group's tags."""

    run: Run
    group: str
    policy: Policy
    goal: Goal
    memory: Memory = Memory()
    watch: Watch = None  # type: ignore[assignment]  # made below
    read: Observation | None = None  # the last of the group itself
    at: float = 0.0  # when that was, on the monotonic clock

    def __post_init__(self) -> None:
        """Begin to watch the limits of the settings."""
        self.watch = Watch(self.run)

    def observe(self, seen: Fleet | None, look: Look) -> Observation | str:
        """Read the group, or return why to retry."""
        if look.health and seen and self.read:
            return self._health(seen, self.read)
        alarms = self.run.settings.rollout.alarms
        result = fleets.try_observe(self.run.cloud, self.group, alarms, seen=seen, memory=self.memory, look=look)
        if isinstance(result, str):
            return result
        fleet, group = result
        self.memory = self.memory.met(fleet)
        # AWS's own clock: the operator's may be wrong, and launches are dated by AWS.
        if fleet.record:
            self.memory = replace(self.memory, record=fleet.record)
        now = group.at or self.run.clock.now()
        if fleet.record and not fleet.record.back:
            try:
                fleet = replace(fleet, exceeded=self.watch.exceeded(group.target_groups, now))
            except ClientError as error:
                if not throttled(error):
                    raise
                return f"AWS throttles CloudWatch: {error_code(error)}"
        self.read, self.at = Observation(fleet, group, now), self.run.clock.elapsed()
        return self.read

    def _health(self, seen: Fleet, read: Observation) -> Observation | str:
        fleet = fleets.try_health(self.run.cloud, read.group, seen)
        if isinstance(fleet, str):
            return fleet
        return Observation(fleet, read.group, read.now + self.run.clock.elapsed() - self.at)

    def wanted(self, fleet: Fleet) -> str:
        """Return the version whose instances serve at the end; "" before the run has begun."""
        return fleet.record.wanted if fleet.record else ""

    def decide(self, observed: Observation, instruction: Instruction) -> Step:
        """Return the next step."""
        return decide(observed.fleet, replace(self.policy, hold=instruction.hold, stop=instruction.stop), self.goal, observed.now)

    def apply(self, observed: Observation, step: Step) -> str | None:
        """Make the API calls of a step; return None, or why AWS rejected them for now."""
        made: list[str] = []
        rejection = fleets.apply(self.run.cloud, observed.group, step, made)
        if rejection is None:
            self.memory = self.memory.after(step, observed.now)
        else:
            self.memory = self.memory.rejected(step, made, observed.fleet.record, observed.now)
        return rejection

    def progress(self, observed: Observation, step: Step) -> Progress:
        """Return the progress of the group once the step is made."""
        record = step.record if isinstance(step, Advance) else observed.fleet.record
        if isinstance(step, Done):
            return Progress.OVER
        if isinstance(step, TurnBack) or (record is not None and record.back and not record.aborted):
            return Progress.RETURNED if isinstance(step, Forget) else Progress.BACK
        if isinstance(step, Pause):
            return Progress.PAUSED
        if isinstance(step, Hold):
            return Progress.READY
        return Progress.ENDING if record is not None and record.passed >= max(1, record.size) else Progress.GOING

    def view(self, observed: Observation) -> View | None:
        """Return the view of the fleet, or None where nothing is under way."""
        return View(observed.fleet, self.policy, observed.fleet.record, observed.now) if observed.fleet.record else None

    def returned(self, observed: Observation) -> str:
        """Describe the rollback that was carried out."""
        record = observed.fleet.record
        assert record is not None
        return f"version {record.target} was rolled back to {record.source}"
