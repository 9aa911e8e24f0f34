"""The loop of a rollout: observe, decide, show, apply; and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..aws.diagnosis import findings
from ..aws.fleets import LAGS
from ..aws.lock import Lock
from ..decisions.rollout.groups import Instruction, Outcome, Progress, instruction
from ..decisions.rollout.instance_refresh import GoBack, Returned
from ..decisions.rollout.pace import Pace
from ..decisions.rollout.snapshot import Fleet, Instance, remember
from ..decisions.rollout.steps import Done, Pause, Step, Stop, TurnBack, Wait
from ..errors import Resumable
from ..runtime.run import Run
from ..runtime.waiting import jittered
from .engine import Engine, Look

Ask = Callable[[Sequence[Instance]], Mapping[str, str]]

# So many times in a row AWS may reject calls, for a group that is busy or for too many calls; each is followed by another look.
MOST_REJECTIONS = 60
# Seconds after which a look is too old to act upon: the process was stopped, or the machine slept.
STALE = 120.0


@dataclass(frozen=True)
class Questions:
    """What is asked of instances over HTTP: `revision` that they serve, and the `answer` to a health check; both by id."""

    revision: Ask = lambda asked: {}
    answer: Ask = lambda asked: {}


@dataclass
class GroupRollout:
    """One group on its way to a version; the lock is renewed as time goes by."""

    run: Run
    group: str
    engine: Engine
    lock: Lock
    questions: Questions = Questions()
    progress: Progress = Progress.GOING
    seen: Fleet | None = None
    pace: Pace = Pace()
    rejected: int = 0
    due: float = 0.0  # when it looks again
    looked: float = 0.0  # when the last look was begun, on the clock that cannot be set
    late: bool = False  # the last look was too old to act upon
    why: str = ""  # it goes back
    text: str = ""  # what an operator reads in the end

    def turn(self, asked: Instruction) -> None:
        """Look once, and take one step. Raises Resumable when it stopped half-way."""
        look = self._look()
        if look is None:
            return
        step = self.engine.decide(look, asked)
        if isinstance(step, TurnBack | GoBack | Returned):
            self.why = self.why or step.why
        if isinstance(step, TurnBack | GoBack | Returned | Stop) and not isinstance(step, Pause):
            self._explain(look)
        if isinstance(step, Pause):
            self.text = str(step)
        elif isinstance(step, Stop):
            raise Resumable(f"{self.group}: {step}", self.run.command)
        elif not self._do(look, step):
            return
        self.progress = self.engine.progress(look, step)
        if self.progress is Progress.BACK:
            self.why = self.why or asked.stop
        if self.progress is Progress.RETURNED:
            reason = (self.why or "an earlier run found it bad").rstrip(".")
            self.text = f"{self.group}: {self.engine.returned(look)}: {reason}. Every instance serves as before"

    @property
    def outcome(self) -> Outcome:
        """Return how it ended."""
        return Outcome(self.group, self.progress, self.text)

    def _look(self) -> Look | None:
        self.looked = self.run.clock.elapsed()
        look = self.engine.observe(self.seen)
        if isinstance(look, str):
            self._later(look)
            return None
        self.seen = self._ask(remember(self.seen, look.fleet, look.now, self.engine.policy))
        self.pace = self.pace.after(self._new, self.run.clock.now())
        return replace(look, fleet=self.seen)

    @property
    def _new(self) -> list[Instance]:
        wanted = self.engine.wanted(self.seen) if self.seen else ""
        return [i for i in self.seen.members if i.version == wanted] if self.seen and wanted else []

    def _ask(self, fleet: Fleet) -> Fleet:
        """Ask each new instance that has become ready for its revision, until it has answered once."""
        wanted = self.engine.wanted(fleet)
        # Where many do not answer, asking alone may make a look too old.
        asked = wanted in self.engine.policy.revisions and not self.late
        silent = [i for i in fleet.instances if asked and i.version == wanted and i.ready and not i.revision]
        answers = self.questions.revision(silent) if silent else {}
        return replace(fleet, instances=tuple(replace(i, revision=answers.get(i.id, i.revision)) for i in fleet.instances))

    def _explain(self, look: Look) -> None:
        """Show all that can be known of new instances that do not serve, while they are still there."""
        view = self.engine.view(look)
        suspects = view.suspects if view else []
        for id, answer in self.questions.answer(suspects).items():
            self.run.out.say(f"{id}: {answer}")
        for line in findings(self.run.cloud, look.group, [i.id for i in suspects]):
            self.run.out.say(line)

    def _do(self, look: Look, step: Step) -> bool:
        """Show a step and make its calls; return whether AWS accepted them."""
        named = f"{self.group}: {step}"
        if isinstance(step, Wait):
            self.run.out.progress(named if self.engine.policy.together else str(step))
            poll, now = self.run.settings.rollout.poll, self.run.clock.now()
            self._rest(self.pace.rest(self._new, self.engine.policy.healthy_polls, now, poll))
        elif isinstance(step, Done):
            self.run.out.say(str(step))
        else:
            self.run.out.say(named)
            if self._late():
                return False
            rejection = self.engine.apply(look, step)
            if rejection:
                self._later(f"AWS rejected the call, retrying: {rejection}")
                return False
        self.rejected = 0
        return True

    def _late(self) -> bool:
        """Return whether a step must not be made any more: its look is old, or the lease may be another's."""
        age = self.run.clock.elapsed() - self.looked
        self.late = age > STALE or not self.lock.valid
        if self.late:
            self.run.out.say(f"{self.group}: not done, for the look before is {age:.0f} s old: looking again")
        return self.late

    def _later(self, rejection: str) -> None:
        self.rejected += rejection != LAGS
        self.run.out.progress(f"{self.group}: {rejection}")
        if self.rejected > MOST_REJECTIONS:
            raise Resumable(f"{self.group}: {rejection}", self.run.command)
        self._rest(self.run.settings.rollout.poll)

    def _rest(self, seconds: float) -> None:
        self.due = self.run.clock.now() + jittered(seconds)


def roll(rollouts: Sequence[GroupRollout]) -> list[Outcome]:
    """Take groups to the end, each at its own pace, none over before all are ready; return how each ended.

    Raises Resumable when it stopped half-way.
    """
    while True:
        progress = {one.group: one.progress for one in rollouts}
        acting = [one for one in rollouts if instruction(one.group, progress).act]
        if not acting:
            return [one.outcome for one in rollouts]
        following = min(acting, key=lambda one: one.due)
        early = following.due - following.run.clock.now()
        if early > 0:
            # No longer than a poll, should the clock be set back meanwhile.
            following.run.clock.sleep(min(early, 2 * following.run.settings.rollout.poll))
        for one in rollouts:
            one.lock.renew()
        following.turn(instruction(following.group, progress))
