"""The loop of a rollout: observe, decide, show, apply; and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..aws import fleets
from ..aws.autoscaling import Group
from ..aws.diagnosis import findings
from ..aws.lock import Lock
from ..decisions.rollout.decide import Goal, decide
from ..decisions.rollout.groups import Orders, Standing, orders
from ..decisions.rollout.pace import Pace
from ..decisions.rollout.snapshot import Fleet, Instance, Policy, remember
from ..decisions.rollout.steps import Advance, Done, Forget, Hold, Pause, Step, Stop, TurnBack, Wait
from ..decisions.rollout.view import View
from ..errors import Resumable, RolledBack
from ..runtime.run import Run
from ..runtime.waiting import jittered

Ask = Callable[[Sequence[Instance]], Mapping[str, str]]

# Refusals in a row, by a group that is busy or by AWS, which wants fewer calls; each is followed by another look.
MOST_REFUSALS = 60


@dataclass
class Roll:
    """One group on its way to a version.

    `ask` returns the revisions that instances report over HTTP, by id, and `answers` what they answer to a health check; `lock`
    is renewed as time goes by.
    """

    run: Run
    group: str
    policy: Policy
    goal: Goal
    ask: Ask
    lock: Lock
    answers: Callable[[Sequence[Instance]], Mapping[str, str]] = lambda asked: {}
    seen: Fleet | None = None
    pace: Pace = Pace()
    refused: int = 0
    standing: Standing = Standing.GOING
    told: str = ""  # why it paused, or what came of the way back
    due: float = 0.0  # when it looks again
    why: str = ""

    @property
    def wanted(self) -> str:
        """Return the version whose instances are asked for their revision where no record says so."""
        return ""

    def turn(self, orders: Orders) -> None:
        """Look once, and take one step. Raises Resumable when it stopped half-way."""
        looked = self._look()
        if looked is None:
            return
        fleet, described, now = looked
        step = decide(fleet, replace(self.policy, hold=orders.hold, stop=orders.stop), self.goal, now)
        self.standing = _standing(fleet, step)
        if isinstance(step, TurnBack):
            self.why = self.why or step.why
        if isinstance(step, TurnBack | Stop) and not isinstance(step, Pause):
            assert fleet.record is not None
            self._explain(View(fleet, self.policy, fleet.record, now), described)
        if isinstance(step, Pause):
            self.told = str(step)
        elif isinstance(step, Stop):
            raise Resumable(f"{self.group}: {step}", self.run.command)
        elif isinstance(step, Done):
            self.run.out.say(str(step))
        else:
            done = self._do(described, step)
            if isinstance(step, Forget) and self.standing is Standing.BACK and done:
                self.standing, self.told = Standing.RETURNED, _rolled_back(self.group, fleet, self.why)

    def _look(self) -> tuple[Fleet, Group, float] | None:
        looked = self._observed()
        if isinstance(looked, str):
            self._later(looked)
            return None
        fleet, group = looked
        # AWS's own clock: the operator's may be wrong, and launches are dated by AWS.
        now = group.at or self.run.clock.now()
        self.seen = self._ask(remember(self.seen, fleet, now))
        self.pace = self.pace.after(self._new, self.run.clock.now())
        return self.seen, group, now

    @property
    def _new(self) -> list[Instance]:
        record = self.seen.record if self.seen else None
        return [i for i in self.seen.members if i.version == record.wanted] if self.seen and record else []

    def _observed(self) -> tuple[Fleet, Group] | str:
        return fleets.look(self.run.cloud, self.group, self.run.settings.rollout.alarms, seen=self.seen)

    def _ask(self, fleet: Fleet) -> Fleet:
        """Ask each new instance that has become ready for its revision, until it has told it once."""
        wanted = fleet.record.wanted if fleet.record else self.wanted
        asked = wanted in self.policy.revisions
        silent = [i for i in fleet.instances if asked and i.version == wanted and i.ready and not i.revision]
        told = self.ask(silent) if silent else {}
        return replace(fleet, instances=tuple(replace(i, revision=told.get(i.id, i.revision)) for i in fleet.instances))

    def _explain(self, view: View, group: Group) -> None:
        """Say all that can be known of new instances that do not serve, while they are still there."""
        suspects = view.suspects
        for id, answer in self.answers(suspects).items():
            self.run.out.say(f"{id}: {answer}")
        for line in findings(self.run.cloud, group, [i.id for i in suspects]):
            self.run.out.say(line)

    def _do(self, group: Group, step: Step) -> bool:
        named = f"{self.group}: {step}"
        if isinstance(step, Wait):
            self.run.out.progress(named if self.policy.together else str(step))
        else:
            self.run.out.say(named)
        refusal = None if isinstance(step, Wait) else self._applied(group, step)
        if refusal:
            self._later(refusal)
            return False
        self.refused = 0
        if isinstance(step, Wait):
            poll, at = self.run.settings.rollout.poll, self.run.clock.now()
            self._rest(self.pace.rest(self._new, self.policy.healthy_polls, at, poll))
        return True

    def _applied(self, group: Group, step: Step) -> str | None:
        return fleets.apply(self.run.cloud, group, step)

    def _later(self, refusal: str) -> None:
        self.refused += 1
        self.run.out.progress(f"{self.group}: AWS rejected the call, retrying: {refusal}")
        if self.refused > MOST_REFUSALS:
            raise Resumable(f"{self.group}: {refusal}", self.run.command)
        self._rest(self.run.settings.rollout.poll)

    def _rest(self, seconds: float) -> None:
        self.due = self.run.clock.now() + jittered(seconds)


def roll(rolls: Sequence[Roll]) -> None:
    """Take groups to the end, each at its own pace, none over before all are there.

    Raises RolledBack when a new version was rolled back, Resumable when it stopped half-way.
    """
    while True:
        standings = {one.group: one.standing for one in rolls}
        acting = [one for one in rolls if orders(one.group, standings).act]
        if not acting:
            break
        one = min(acting, key=lambda one: one.due)
        early = one.due - one.run.clock.now()
        if early > 0:
            # No longer than a poll, should the clock be set back meanwhile.
            one.run.clock.sleep(min(early, 2 * one.run.settings.rollout.poll))
        for each in rolls:
            each.lock.renew()
        one.turn(orders(one.group, standings))
    _tell(rolls)


def _tell(rolls: Sequence[Roll]) -> None:
    back = [one.told for one in rolls if one.standing is Standing.RETURNED]
    if back:
        raise RolledBack("\n".join(back))
    paused = [f"{one.group}: {one.told}" for one in rolls if one.standing is Standing.PAUSED]
    if paused:
        again = rolls[0].run.command
        raise Resumable("\n".join(paused), again if " --yes" in again else f"{again} --yes")


def _standing(fleet: Fleet, step: Step) -> Standing:
    record = step.record if isinstance(step, Advance) else fleet.record
    if isinstance(step, Done):
        return Standing.OVER
    if isinstance(step, TurnBack) or (record is not None and record.back and not record.aborted):
        return Standing.BACK
    if isinstance(step, Pause):
        return Standing.PAUSED
    if isinstance(step, Hold):
        return Standing.THERE
    return Standing.ENDING if record is not None and record.passed >= max(1, record.size) else Standing.GOING


def _rolled_back(group: str, fleet: Fleet, why: str) -> str:
    record = fleet.record
    assert record is not None
    reason = (why or "an earlier run found it bad").rstrip(".")
    return f"{group}: version {record.target} was rolled back to {record.source}: {reason}. Every instance serves as before"
