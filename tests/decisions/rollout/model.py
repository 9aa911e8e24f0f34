"""A group in virtual time, as far as a rollout can see it, and an adversary that disturbs it.

It follows "How AWS behaves": a write is atomic, everything else takes its time, the group launches and terminates by itself.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from tasks.decisions.rollout.decide import Goal, decide
from tasks.decisions.rollout.effects import after
from tasks.decisions.rollout.looks import WHOLE, Look, is_booting, next_look, only_health, sufficient, unread
from tasks.decisions.rollout.memory import Memory
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance, Policy, Record, remember
from tasks.decisions.rollout.steps import (
    Abort,
    Advance,
    Begin,
    Done,
    Empty,
    Forget,
    Lower,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Retire,
    Return,
    Rewrite,
    Step,
    Stop,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)

ZONES = ("a", "b", "c")
TICK = 5.0


class Killed(Exception):
    """The operator's process died here."""


@dataclass
class Box:
    """One instance of the model."""

    id: str
    zone: str
    version: str
    launched: float
    serves_from: float
    protected: bool = False
    leaves: float | None = None  # drained and gone at
    sick_until: float = 0.0
    weight: int = 1
    aside: bool = False  # in standby
    retained: bool = False
    fails_at: float = float("inf")  # the group finds it unhealthy then, and replaces it
    pending: float = 2.0

    def lifecycle(self, now: float) -> str:
        if self.leaves is not None:
            return "Terminating:Retained" if self.retained else "Terminating"
        if self.aside:
            return "Standby"
        return "InService" if now >= self.launched + self.pending else "Pending"

    def serves(self, now: float) -> bool:
        return self.leaves is None and not self.aside and now >= self.serves_from and now >= self.sick_until


@dataclass
class Group:
    """The model: what AWS holds."""

    minimum: int
    maximum: int
    desired: int
    version: str = "1"
    boot: float = 20.0
    drain: float = 10.0
    now: float = 0.0
    bad: frozenset[str] = frozenset()  # versions whose application never answers
    suspended: set[str] = field(default_factory=set)
    record: Record | None = None
    copy: Record | None = None  # beside the lock
    boxes: dict[str, Box] = field(default_factory=dict)
    born: int = 0
    launches: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)  # versions of what we terminated
    taken: int = 0  # serving capacity that the adversary took and that is not back yet
    dead: set[str] = field(default_factory=set)
    surplus: list[str] = field(default_factory=list)  # what we terminated of the wanted version
    dry_until: float = 0.0  # no capacity: launches fail
    alarms: tuple[str, ...] = ()
    crashing: frozenset[str] = frozenset()  # versions whose instances the group itself replaces before they serve
    launched: list[str] = field(default_factory=list)
    died: set[str] = field(default_factory=set)
    births: dict[str, float] = field(default_factory=dict)
    scaled_in: set[str] = field(default_factory=set)
    requested: set[str] = field(default_factory=set)  # what we terminated
    weights: tuple[int, ...] = (1,)  # of the types of a mixed-instances policy; which comes next is AWS's choice
    protects: bool = False  # new instances from scale-in
    pool: int = 0  # size of its warm pool
    warm: dict[str, str] = field(default_factory=dict)  # its instances and their versions
    reuses: bool = False
    retains: bool = False  # some of what ends, for inspection (InstanceLifecyclePolicy)
    ties: Random = field(default_factory=lambda: Random(0))  # which of several emptiest zones a launch comes up in

    @classmethod
    def settled(cls, minimum: int, maximum: int, desired: int, **more: object) -> "Group":
        group = cls(minimum, maximum, desired, **more)  # type: ignore[arg-type]
        while group.units() < desired:
            group.launch(ready=True)
        group.launches.clear()
        group.launched.clear()
        return group

    def launch(self, ready: bool = False) -> None:
        zones = [b.zone for b in self.members()]
        emptiest = min(zones.count(z) for z in ZONES)
        zone = self.ties.choice([z for z in ZONES if zones.count(z) == emptiest])
        drawn = self.ties.choice(sorted(self.warm)) if self.warm else ""
        version = self.warm.pop(drawn) if drawn else self.version
        # The activities tell an earlier end of what is reused, but not as its last.
        self.scaled_in.discard(drawn)
        self.died.discard(drawn)
        self.born += 1
        serves = self.now if ready else self.now + self.boot
        if version in self.bad:
            serves = float("inf")
        box = Box(drawn or f"i-{self.born:04d}", zone, version, self.now - (10 if ready else 0), serves, self.protects)
        box.weight = self.ties.choice(self.weights)
        box.pending = 0.0 if ready else max(2.0, self.boot / 2)
        self.boxes[box.id] = box
        self.launches[version] += 1
        self.launched.append(box.id)
        self.births[box.id] = self.now
        if version in self.crashing:
            box.serves_from = float("inf")
            box.fails_at = self.now + self.boot

    def members(self) -> list[Box]:
        return [b for b in self.boxes.values() if b.leaves is None and not b.aside]

    def units(self) -> int:
        return sum(b.weight for b in self.members())

    def serving(self) -> int:
        return sum(b.weight for b in self.boxes.values() if b.serves(self.now))

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for box in list(self.boxes.values()):
            if box.retained:
                continue
            if box.leaves is not None and self.now >= box.leaves:
                if self.retains and self.ties.random() < 0.5:
                    box.retained = True
                    continue
                del self.boxes[box.id]
                if self.reuses and len(self.warm) < self.pool:
                    self.warm[box.id] = box.version
            elif box.leaves is None and self.now >= box.fails_at:
                box.leaves = self.now
        self.reconcile()
        self.fill()

    def fill(self) -> None:
        """Bring the warm pool to its size, with the version that the group names."""
        while len(self.warm) < self.pool:
            self.born += 1
            self.warm[f"i-{self.born:04d}"] = self.version

    def outlast(self) -> None:
        """Let pass what passes between two processes."""

    def reconcile(self) -> None:
        """Launch up to desired, or scale in by zones and the oldest, protection honoured."""
        while self.units() < self.desired and self.now >= self.dry_until:
            self.launch()
        while self.units() > self.desired:
            counts = Counter(b.zone for b in self.members())
            free = [b for b in self.members() if not b.protected]
            if not free:
                break
            victim = min(free, key=lambda b: (-counts[b.zone], b.launched, b.id))
            if self.units() - victim.weight < self.desired:
                break
            victim.leaves = self.now + self.drain
            self.scaled_in.add(victim.id)

    # What the operator's process can do; the whole API of a rollout.

    def observe(self) -> Fleet:
        return Fleet(
            group="web",
            minimum=self.minimum,
            maximum=self.maximum,
            desired=self.desired,
            version=self.version,
            instances=tuple(
                FleetInstance(
                    id=b.id,
                    zone=b.zone,
                    lifecycle=b.lifecycle(self.now),
                    version=b.version,
                    protected=b.protected,
                    weight=b.weight,
                    targets=("healthy" if b.serves(self.now) else "draining" if b.leaves else "initial",),
                    since=b.launched,
                )
                for b in self.boxes.values()
            ),
            zones=ZONES,
            suspended=frozenset(self.suspended),
            record=self.record,
            alarms=self.alarms,
            launches=len(self._since()),
            launched=frozenset(self._since()),
            excused=frozenset(self.scaled_in),
            died=frozenset(self.died | self.scaled_in),
            requested=frozenset(self.requested),
            failures=("We do not have sufficient t3.small capacity",) if self.units() < self.desired else (),
            protects_new=self.protects,
            pool=tuple(FleetInstance(id, "a", "Warmed:Stopped", version) for id, version in sorted(self.warm.items())),
            reuses=self.reuses,
            heaviest=max(self.weights),
            lightest=min(self.weights),
        )

    def _since(self) -> list[str]:
        """Return what was launched since the run began, as the activities tell it."""
        return [] if self.record is None else [id for id in self.launched if self.births[id] >= self.record.started]

    def terminate(self, id: str, *, decrement: bool) -> None:
        box = self.boxes.get(id)
        if box is None or box.leaves is not None:
            return
        if decrement:
            assert self.desired > self.minimum, "the group refuses a decrement at MinSize"
            self.desired -= 1
        box.leaves = self.now + self.drain
        self.requested.add(id)
        self.terminated.append(box.version)
        if self.record and box.version == self.record.wanted:
            self.surplus.append(id)
        self.reconcile()

    def apply(self, step: Step, crash: int | None = None) -> int | None:
        """Apply a step, write by write; `crash`: the number of writes after which the process dies. Return what is left of it."""
        for write in self._writes(step):
            if crash == 0:
                raise Killed
            write()
            crash = None if crash is None else crash - 1
        return crash

    def _writes(self, step: Step):  # noqa: ANN202
        match step:
            case Begin(record) | Rewrite(record) | TurnBack(record) | Advance(record) | Abort(record):
                yield lambda: setattr(self, "copy", record)
                yield lambda: setattr(self, "record", record)
            case Suspend(processes):
                yield lambda: self.suspended.update(processes)
            case Resume(processes):
                yield lambda: self.suspended.difference_update(processes)
            case Point(version, desired, maximum):
                yield lambda: self._point(version, desired, maximum)
            case Protect(ids) | Unprotect(ids):
                yield lambda: self._protect(ids, isinstance(step, Protect))
            case Terminate(ids) | Retire(ids):
                for id in ids:
                    yield lambda id=id: self.terminate(id, decrement=False)
            case Return(ids, record):
                yield lambda: setattr(self, "copy", record)
                yield lambda: setattr(self, "record", record)
                for id in ids:
                    yield lambda id=id: self.terminate(id, decrement=True)
            case Lower(record, desired, maximum):
                yield lambda: setattr(self, "copy", record)
                yield lambda: setattr(self, "record", record)
                yield lambda: self.lower(desired, maximum)
            case Empty(ids):
                for id in ids:
                    yield lambda id=id: self.warm.pop(id, None)
                yield self.fill
            case RestoreMax(maximum):
                yield lambda: setattr(self, "maximum", maximum)
            case Forget():
                yield lambda: setattr(self, "copy", None)
                yield lambda: setattr(self, "record", None)
            case Wait() | Done() | Stop():
                return
            case _:
                raise AssertionError(step)

    def lower(self, desired: int, maximum: int) -> None:
        assert self.minimum <= desired <= maximum, "ValidationError"
        self.desired, self.maximum = desired, maximum
        self.reconcile()

    def _point(self, version: str, desired: int, maximum: int) -> None:
        assert self.minimum <= desired <= maximum, "ValidationError"
        self.version, self.desired, self.maximum = version, desired, maximum
        self.reconcile()

    def _protect(self, ids: tuple[str, ...], on: bool) -> None:
        for id in ids:
            if id in self.boxes:
                self.boxes[id].protected = on


@dataclass
class Operator:
    """The loop of a rollout as a process that can be killed: all that it remembers is `seen` and what it has written."""

    group: Group
    policy: Policy
    goal: Goal
    seen: Fleet | None = None
    ended: Step | None = None
    memory: Memory = Memory()
    polled: bool = True  # false while `seen` is a poll and our own writes since
    crash: int | None = None  # writes until the process dies
    rejected: bool = False  # AWS rejects the call after these instead
    vanishing: bool = False  # what AWS refuses to terminate has gone by itself just then, and no activity says so
    look: Look = WHOLE
    read: float = float("-inf")  # when the group itself was read, and nothing was written since

    def turn(self, crash: int | None = None) -> Step:
        """Observe once, and take the steps that follow from it, as a process does while nobody else acts.

        `crash`: the number of writes after which the process dies; below zero, -1 - the number after which AWS rejects the next.
        """
        self.rejected = crash is not None and crash < 0
        self.crash = -1 - crash if crash is not None and crash < 0 else crash
        step = self.tick()
        while not self.polled and not self.ended:
            step = self.tick()
        return step

    def tick(self) -> Step:
        """Observe where that is needed, decide, apply once; time passes only when there is nothing to do."""
        if self.polled:
            self.look = next_look(self.seen, self.policy, self.group.now, self.group.now - self.read, 2 * TICK)
            if not self._poll():
                return self._lags()
        assert self.seen
        step = decide(self.seen, self.policy, self.goal, self.group.now)
        if not sufficient(self.seen, step, self.polled):
            self.look = Look(again=self.look.health or not self.seen.blind)
            if not self._poll():
                return self._lags()
            step = decide(self.seen, self.policy, self.goal, self.group.now)
        self._apply(step)
        return step

    def _apply(self, step: Step) -> None:
        record, following = self.seen.record if self.seen else None, None
        self.read = self.read if isinstance(step, Wait) else float("-inf")
        self.group.log.append(f"{self.group.now:6.0f} {type(step).__name__}: {step}")
        try:
            self.crash = self.group.apply(step, self.crash)
            self.memory = self.memory.after(step, self.group.now)
            following = after(self.seen, step) if self.seen else None
            if self.crash is not None and not self.rejected and following is None and not isinstance(step, Wait | Done | Stop):
                raise Killed
        except Killed:
            if self.rejected:
                self._reject(step)
                return
            self.seen, self.memory, self.crash, following, record = None, Memory(), None, None, None
            self.group.outlast()
        if isinstance(step, Wait):
            self.group.pass_time(TICK)
        back = record is not None and record.back and not record.aborted
        if isinstance(step, Done | Stop) or (isinstance(step, Forget) and back):
            self.ended = step
        self.polled = following is None
        self.seen = following or self.seen

    def _reject(self, step: Step) -> None:
        """Go on after AWS has made some of a step's writes and rejected the next."""
        # A step writes its record first, in two calls.
        first = 2 if isinstance(step, Return) else 0
        ids, number = getattr(step, "ids", ()), (self.crash or 0) - first
        made = ids[: max(0, number)]
        if self.vanishing and isinstance(step, Return | Terminate) and 0 <= number < len(ids):
            self.group.boxes.pop(ids[number], None)
            self.group.reconcile()
        before = self.seen.record if self.seen else None
        self.memory, self.crash, self.polled = self.memory.rejected(step, made, before, self.group.now), None, True
        self.group.log.append(f"{self.group.now:6.0f} rejected")
        self.group.pass_time(TICK)

    def _lags(self) -> Step:
        self.polled = True
        self.group.pass_time(TICK)
        return Wait("lags")

    def _poll(self) -> bool:
        """Observe what is to be looked at; return whether the answer is newer than what was written."""
        shown = self.group.observe()
        if self.look.health and self.seen:
            gone = FleetInstance("", "", "", "", targets=("unused",))
            health = {i.id: gone for i in self.seen.instances} | {i.id: i for i in shown.instances}
            shown = only_health(self.seen, health)
        else:
            self.memory = self.memory.met(shown)
            if self.memory.lags(shown, self.group.now):
                return False
            shown = self._complete(shown)
            self.read = self.group.now
        self.seen = remember(self.seen, shown, self.group.now, self.policy, again=self.look.again)
        return True

    def _complete(self, shown: Fleet) -> Fleet:
        lifecycles = {i.id: i.lifecycle for i in shown.instances}
        blind = self.look.booting is not None and self.seen and is_booting(lifecycles, self.seen, self.look.booting)
        if self.seen and (blind or self.look.again):
            shown = unread(shown, self.seen, 1, blind=bool(blind))
        record, vanished = self.memory.record_of(shown.record, lambda: self.group.copy)
        if record:
            self.memory = replace(self.memory, record=record)
        return self.memory.complete(replace(shown, record=record, vanished=vanished))

    def run(self, limit: int = 1500) -> Step:
        """Go on to the end."""
        for _ in range(limit):
            self.tick()
            if self.ended:
                return self.ended
        raise AssertionError(
            "no end:\n" + "\n".join(line for line in self.group.log[-300:] if " Wait: " not in line) + self.group.log[-1]
        )


def policy(**more: object) -> Policy:
    return replace(Policy(healthy_polls=2, instance_timeout=300), **more)  # type: ignore[arg-type]


GOAL = Goal("r1", "1", "2")
