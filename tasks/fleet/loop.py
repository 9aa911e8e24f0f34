"""The loop of a rollout: observe, decide, show, apply; and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..aws.diagnosis import findings
from ..aws.fleets import LAGS
from ..aws.lock import Lock
from ..decisions.rollout.effects import after
from ..decisions.rollout.groups import Instruction, Outcome, Progress, instruction
from ..decisions.rollout.instance_refresh import GoBack, Returned, Start
from ..decisions.rollout.looks import Look, next_look, sufficient
from ..decisions.rollout.pace import QUICK, Pace, longest, seldom
from ..decisions.rollout.snapshot import Fleet, FleetInstance, remember
from ..decisions.rollout.steps import Done, Pause, Point, Rewrite, Step, Stop, Terminate, TurnBack, Wait
from ..errors import Resumable
from ..runtime.run import Run
from ..runtime.waiting import jittered
from .engine import Engine, Observation

Ask = Callable[[Sequence[FleetInstance]], Mapping[str, str]]

# Rejected calls in a row before it stops (busy group, throttling); each is followed by another poll.
MOST_REJECTIONS = 60
# Seconds after which a poll is too old to act upon: the process was stopped, or the machine slept.
STALE = 120.0
# Seconds after which a step is not applied before AWS has said that the lock is still ours.
CONFIRMED = 30.0


@dataclass(frozen=True)
class Questions:
    """Requests to instances over HTTP, all by id: the `revision` that they serve, the `answer` to a health check, the faults
    of their `pages`.
    """

    revision: Ask = lambda asked: {}
    answer: Ask = lambda asked: {}
    pages: Ask = lambda asked: {}


@dataclass
class GroupRollout:
    """The rollout of one group."""

    run: Run
    group: str
    engine: Engine
    lock: Lock
    questions: Questions = Questions()
    progress: Progress = Progress.GOING
    seen: Fleet | None = None
    pace: Pace = Pace()
    at: float = 0.0  # AWS's time of the last poll, epoch seconds
    rejected: int = 0
    due: float = 0.0  # when it polls again
    polled: float = 0.0  # when the last poll began, on the monotonic clock
    read: float = float("-inf")  # when the group itself was read, and nothing was written since; on the same
    late: bool = False  # the last poll was too old to act upon
    why: str = ""  # of a rollback
    text: str = ""  # the result for the operator

    def turn(self, asked: Instruction) -> None:
        """Poll once, and take the steps that follow from it. Raises Resumable when it stopped half-way."""
        look = next_look(self.seen, self.engine.policy, self.at, self._age, self.run.settings.rollout.poll)
        observed, polled = self._observe(look), True
        while observed is not None:
            step = self.engine.decide(observed, asked)
            if sufficient(observed.fleet, step, polled):
                observed, polled = self._take(observed, step, asked), False
            else:
                # The health was read a moment ago, except while instances boot.
                again = look.health or not observed.fleet.blind
                look = Look(again=again)
                observed, polled = self._observe(look), True

    def _take(self, observed: Observation, step: Step, asked: Instruction) -> Observation | None:
        """Take one step; return what is known to be there after it, or None where it must poll again."""
        before = self.progress
        if isinstance(step, TurnBack | GoBack | Returned | Start):
            self.why = self.why or step.why
        if isinstance(step, TurnBack | GoBack | Returned | Stop) and not isinstance(step, Pause):
            self._explain(observed)
        if isinstance(step, Pause):
            self.text = str(step)
        elif isinstance(step, Stop):
            raise Resumable(f"{self.group}: {step}", self.run.command)
        elif not self._do(observed, step):
            return None
        self._advance(observed, step, asked)
        fleet = after(observed.fleet, step)
        if fleet is None or self.progress is not before:
            return None
        self.seen = fleet
        return replace(observed, fleet=fleet)

    def _advance(self, observed: Observation, step: Step, asked: Instruction) -> None:
        self.progress = self.engine.progress(observed, step)
        if self.progress is Progress.BACK:
            self.why = self.why or asked.stop
        if self.progress is Progress.RETURNED:
            reason = (self.why or "an earlier run found it bad").rstrip(".")
            self.text = f"{self.group}: {self.engine.returned(observed)}: {reason}. Every instance serves as before"

    @property
    def outcome(self) -> Outcome:
        """Return the outcome of the group."""
        return Outcome(self.group, self.progress, self.text)

    @property
    def _age(self) -> float:
        """Return the seconds since the group itself was read, and nothing was written."""
        return self.run.clock.elapsed() - self.read

    def _observe(self, look: Look) -> Observation | None:
        began = self.run.clock.elapsed()
        observed = self.engine.observe(self.seen, look)
        if isinstance(observed, str):
            self._later(observed)
            return None
        # As old as the oldest of its answers.
        self.polled = self.polled if look.again else began
        self.read = self.read if look.health else began
        self.at = observed.now
        self.seen = self._ask(remember(self.seen, observed.fleet, observed.now, self.engine.policy, again=look.again))
        self.run.journal.see(self.seen)
        self.pace = self.pace.after(self._new, self.at)
        return replace(observed, fleet=self.seen)

    @property
    def _new(self) -> list[FleetInstance]:
        wanted = self.engine.wanted(self.seen) if self.seen else ""
        return [i for i in self.seen.members if i.version == wanted] if self.seen and wanted else []

    def _ask(self, fleet: Fleet) -> Fleet:
        """Request the revision of each ready new instance, and then its pages, until it has answered once."""
        wanted = self.engine.wanted(fleet)
        # Where many do not answer, the requests alone may make a poll too old.
        policy = self.engine.policy
        asked = (policy.proof or wanted in policy.revisions) and not self.late
        silent = [i for i in fleet.instances if asked and i.version == wanted and i.ready and not i.revision]
        answers = dict(self.questions.revision(silent)) if silent else {}
        # On the way back only the revision counts: the pages are those of the new release.
        if answers and not (fleet.record and fleet.record.back):
            for id, fault in self.questions.pages([i for i in silent if i.id in answers]).items():
                self.run.out.progress(f"{self.group}: {id}: {fault}")
                del answers[id]
        return replace(fleet, instances=tuple(replace(i, revision=answers.get(i.id, i.revision)) for i in fleet.instances))

    def _explain(self, observed: Observation) -> None:
        """Show why new instances do not serve, before they are terminated."""
        view = self.engine.view(observed)
        suspects = view.suspects if view else []
        for id, answer in self.questions.answer(suspects).items():
            self.run.out.say(f"{id}: {answer}")
        for line in findings(self.run.cloud, observed.group, [i.id for i in suspects]):
            self.run.out.say(line)

    def _do(self, observed: Observation, step: Step) -> bool:
        """Show a step and make its calls; return whether AWS accepted them."""
        named = f"{self.group}: {step}"
        if isinstance(step, Wait):
            self.run.out.progress(named if self.engine.policy.together else str(step))
            poll = self.run.settings.rollout.poll
            rest = self.pace.rest(self._new, self.engine.policy.healthy_polls, self.at, poll)
            # The group itself is read as often as while nothing can happen.
            self._rest(min(rest, max(poll / QUICK, seldom(poll) - self._age)))
        elif isinstance(step, Done):
            self.run.out.say(str(step))
        else:
            self.run.out.say(named)
            # The run of a colleague removes tags too, after `unlock --force`.
            unknown = self.lock.confirm(within=0.0 if isinstance(step, Rewrite) else CONFIRMED)
            if not unknown and self._late():
                return False
            if rejection := unknown or self._apply(observed, step):
                self._later(f"AWS rejected the call, retrying: {rejection}")
                return False
            self.run.journal.action(self.group, str(step))
            record = observed.fleet.record
            # On the way back there may be more to terminate at once.
            if isinstance(step, Point | Terminate) and record and not record.back:
                self._rest(self.pace.launching(self.run.settings.rollout.poll))
        self.rejected = 0
        return True

    def _apply(self, observed: Observation, step: Step) -> str:
        """Make the calls of a step; return why AWS rejected them for now, or an empty text.

        Raises Resumable where that is because the lock, and with it the group, is another run's.
        """
        self.read = float("-inf")
        rejection = self.engine.apply(observed, step) or ""
        if rejection and rejection != LAGS:
            # What was there at the last poll is not there any more. Where AWS throttles, the next rejection asks again.
            self.lock.confirm()
        return rejection

    def _late(self) -> bool:
        """Return whether it is too late for a step: its poll is old, or the lease may be another run's."""
        age = self.run.clock.elapsed() - self.polled
        self.late = age > STALE or not self.lock.valid
        if self.late:
            text = f"not done: the last poll is {age:.0f} s old, polling again"
            self.run.out.say(f"{self.group}: {text}")
            self._reject(text)
        return self.late

    def _later(self, rejection: str) -> None:
        self.run.out.progress(f"{self.group}: {rejection}")
        if rejection != LAGS:
            self._reject(rejection)
        self._rest(self.run.settings.rollout.poll)

    def _reject(self, why: str) -> None:
        self.rejected += 1
        if self.rejected > MOST_REJECTIONS:
            raise Resumable(f"{self.group}: {why}", self.run.command)

    def _rest(self, seconds: float) -> None:
        self.due = self.run.clock.now() + min(jittered(seconds), longest(self.run.settings.rollout.poll))


def roll(rollouts: Sequence[GroupRollout]) -> list[Outcome]:
    """Roll groups out, each at its own pace, none done before all are ready; return the outcomes.

    Raises Resumable when it stopped half-way.
    """
    while True:
        progress = {rollout.group: rollout.progress for rollout in rollouts}
        acting = [rollout for rollout in rollouts if instruction(rollout.group, progress).act]
        if not acting:
            return [rollout.outcome for rollout in rollouts]
        following = min(acting, key=lambda rollout: rollout.due)
        early = following.due - following.run.clock.now()
        if early > 0:
            # The clock may be set back meanwhile.
            following.run.clock.sleep(min(early, longest(following.run.settings.rollout.poll)))
        for rollout in rollouts:
            rollout.lock.renew()
        following.turn(instruction(following.group, progress))
