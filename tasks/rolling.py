"""The loop of a rollout: observe, decide, show, apply; and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .aws import fleets
from .decisions.fleet import Fleet, Instance, Policy, remember
from .decisions.rollout import Goal, decide
from .decisions.steps import Done, Forget, Step, Stop, TurnBack, Wait
from .errors import Resumable, RolledBack
from .waiting import jittered

if TYPE_CHECKING:
    from .aws.autoscaling import Group
    from .aws.lock import Lock
    from .aws.session import Cloud
    from .context import Run

Ask = Callable[[Sequence[Instance]], Mapping[str, str]]

# Refusals in a row, by a group that is busy or by AWS, which wants fewer calls; each is followed by another look.
MOST_REFUSALS = 60


@dataclass
class Roll:
    """One group on its way to a version.

    `ask` returns the revisions that instances report over HTTP, by id; `lock` is renewed as time goes by.
    """

    run: Run
    cloud: Cloud
    policy: Policy
    goal: Goal
    ask: Ask
    lock: Lock
    seen: Fleet | None = None
    refused: int = field(default=0)

    def to_the_end(self, group: str) -> None:
        """Go on until nothing is left to do.

        Raises RolledBack when the new version was rolled back, Resumable when it stopped half-way.
        """
        why = ""
        self.seen = None
        while True:
            self.lock.renew()
            looked = self._look(group)
            if looked is None:
                continue
            fleet, described, now = looked
            step = decide(fleet, self.policy, self.goal, now)
            if isinstance(step, TurnBack):
                why = why or step.why
            if self._ended(step, fleet):
                return
            self._do(described, step)
            if isinstance(step, Forget) and fleet.record and fleet.record.back:
                raise RolledBack(_rolled_back(group, fleet, why))

    def _look(self, name: str) -> tuple[Fleet, Group, float] | None:
        looked = fleets.look(self.cloud, name)
        if isinstance(looked, str):
            self._later(name, looked)
            return None
        fleet, group = looked
        # AWS's own clock: the operator's may be wrong, and launches are dated by AWS.
        now = group.at or self.run.clock.now()
        self.seen = self._ask(remember(self.seen, fleet, now))
        return self.seen, group, now

    def _ask(self, fleet: Fleet) -> Fleet:
        """Ask each new instance that has become ready for its revision, until it has told it once."""
        wanted = fleet.record.wanted if fleet.record else ""
        asked = wanted in self.policy.revisions
        silent = [i for i in fleet.instances if asked and i.version == wanted and i.ready and not i.revision]
        told = self.ask(silent) if silent else {}
        return replace(fleet, instances=tuple(replace(i, revision=told.get(i.id, i.revision)) for i in fleet.instances))

    def _ended(self, step: Step, fleet: Fleet) -> bool:
        if isinstance(step, Stop):
            raise Resumable(f"{fleet.group}: {step}", self.run.command)
        if isinstance(step, Done):
            self.run.out.say(str(step))
        return isinstance(step, Done)

    def _do(self, group: Group, step: Step) -> None:
        if isinstance(step, Wait):
            self.run.out.progress(str(step))
        else:
            self.run.out.say(f"{group.name}: {step}")
        refusal = None if isinstance(step, Wait) else fleets.apply(self.cloud, group, step)
        if refusal:
            self._later(group.name, refusal)
            return
        self.refused = 0
        if isinstance(step, Wait):
            self._pause()

    def _later(self, group: str, refusal: str) -> None:
        self.refused += 1
        self.run.out.progress(f"{group} would not have it now: {refusal}")
        if self.refused > MOST_REFUSALS:
            raise Resumable(f"{group}: {refusal}", self.run.command)
        self._pause()

    def _pause(self) -> None:
        self.run.clock.sleep(jittered(self.run.settings.rollout.poll))


def _rolled_back(group: str, fleet: Fleet, why: str) -> str:
    record = fleet.record
    assert record is not None
    reason = (why or "an earlier run found it bad").rstrip(".")
    return f"{group}: version {record.target} was rolled back to {record.source}: {reason}. Every instance serves as before"
