"""The rollout, its resumption and its rollback: what happens next to a fleet is a function of a snapshot.

The rules come from "How AWS behaves" (EC2 Auto Scaling and Elastic Load Balancing user guides). Named safety properties, held by
tests over generated fleets: capacity, bounded, only-old, relative, progress, clean.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .fleet import Fleet, Instance, Policy, Record
from .records import MOST_RETURNING
from .steps import (
    Begin,
    Done,
    Forget,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Return,
    Step,
    Stop,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)

# Both act behind our back. Never Launch, Terminate or AlarmNotification: without scale-out a peak is an outage.
OURS_TO_SUSPEND = ("AZRebalance", "ScheduledActions")


@dataclass(frozen=True)
class Goal:
    """What a new run shall reach; a run under way goes by its own record."""

    run: str
    source: str
    target: str


def decide(fleet: Fleet, policy: Policy, goal: Goal, now: float) -> Step:
    """Return the next step for a fleet.

    `now` is the time of the snapshot in epoch seconds. Pure: equal arguments give equal steps, so that a plan, a run, its
    resumption after a crash and its rollback are one function.
    """
    if fleet.record is None:
        return _begin(fleet, policy, goal, now)
    view = View(fleet, policy, fleet.record, now)
    if view.unfinished and now > policy.until:
        # Slow is not bad: the same command goes on.
        return Stop(f"not finished in time: {_waiting(view)}")
    trouble = view.trouble()
    if trouble:
        return view.turn_back(trouble) if policy.rollback and not view.record.back else Stop(trouble)
    return next(_steps(view))


def _begin(fleet: Fleet, policy: Policy, goal: Goal, now: float) -> Step:
    old = [i for i in fleet.members if i.version != goal.target]
    if not old and fleet.version == goal.target:
        return Done(f"every instance of {fleet.group} runs version {goal.target}")
    surge = min(policy.surge, len(old))
    return Begin(
        Record(
            run=goal.run,
            source=goal.source,
            target=goal.target,
            surge=surge,
            maximum=fleet.maximum,
            # Max moves by the surge even where there is room: a scale-out at peak time keeps the room that it had.
            raised=fleet.maximum + surge if policy.raise_max else fleet.maximum,
            started=now,
            size=len(old),
            desired=fleet.desired,
            suspended=tuple(p for p in OURS_TO_SUSPEND if p not in fleet.suspended),
            protect=not fleet.protects_new,
            pointed=fleet.version == goal.target,
        )
    )


@dataclass(frozen=True)
class View:
    """A fleet in the middle of a run, with what follows from it."""

    fleet: Fleet
    policy: Policy
    record: Record
    now: float

    @property
    def new(self) -> list[Instance]:
        """Return the members of the version that is wanted."""
        return [i for i in self.fleet.members if i.version == self.record.wanted]

    @property
    def old(self) -> list[Instance]:
        """Return the members that have to go."""
        return [i for i in self.fleet.members if i.version != self.record.wanted]

    @property
    def surged(self) -> bool:
        """Tell whether the call that points and surges has been made: it leaves a trace that we can see after a crash."""
        if self.record.back:
            return True
        if self.record.pointed and self.record.surge:
            return self.fleet.maximum >= self.record.raised
        return self.fleet.version == self.record.target

    @property
    def pointed(self) -> bool:
        """Tell whether the group launches the wanted version."""
        return self.fleet.version == self.record.wanted and self.surged

    @property
    def owed(self) -> int:
        """Return how much of the surge has not been given back yet."""
        alive = {i.id for i in self.fleet.members}
        gone = sum(1 for i in self.record.returning if i not in alive)
        taken = self.record.surge if self.surged else 0
        if self.record.back and self.pointed:
            taken += self.record.extra
        return max(0, taken - self.record.returned - gone)

    @property
    def returnable(self) -> int:
        """Return how much can be given back: a decrement below MinSize is refused by the group."""
        return max(0, min(self.owed, self.fleet.desired - self.fleet.minimum))

    @property
    def floor(self) -> int:
        """Return the instances that must serve at any moment: what the group would desire without the surge."""
        return self.fleet.desired - self.owed

    def serving(self, instance: Instance) -> bool:
        """Tell whether an instance counts: an old one when ready, a new one only after its gate."""
        return self.gated(instance) if instance.version == self.record.wanted else instance.ready

    def gated(self, instance: Instance) -> bool:
        """Tell whether a new instance has passed: ready over consecutive looks, warmed up, and of the right revision."""
        since = instance.in_service_since
        warm = since is not None and self.now - since >= self.policy.warm_up
        revision = self.policy.revisions.get(instance.version)
        return (
            instance.ready
            and warm
            and instance.polls >= self.policy.healthy_polls
            and (not revision or instance.revision == revision)
        )

    @property
    def strength(self) -> int:
        """Return how many instances serve."""
        return sum(1 for i in self.fleet.members if self.serving(i))

    @property
    def unfinished(self) -> bool:
        """Tell whether more is left to do than to tidy up."""
        return bool(self.old or self.missing or self.owed)

    def trouble(self) -> str | None:
        """Return why the run must not go on, or None."""
        if not self.unfinished:
            return None
        late = self.policy.instance_deadline
        for i in self.new:
            revision = self.policy.revisions.get(i.version)
            if revision and i.revision and i.revision != revision:
                return f"{i.id} reports revision {i.revision[:12]}, not {revision[:12]}"
            if self._late(i):
                return f"{i.id} does not serve within {late:.0f} s: {describe(i)}"
        bad = [f for f in self.fleet.failures if not lacks_capacity(f)]
        if len(bad) >= self.policy.max_failures:
            return f"{len(bad)} launches failed: {bad[0]}"
        if self.fleet.short_since is not None and self.now - self.fleet.short_since > late:
            reason = next(iter(self.fleet.failures), "no launch has failed")
            return f"the group is short of instances for more than {late:.0f} s: {reason}"
        return self._crash_loop()

    def _late(self, instance: Instance) -> bool:
        if self.gated(instance):
            return False
        silent = instance.ready and instance.version in self.policy.revisions and instance.revision is None
        since = instance.in_service_since if silent else instance.idle_since
        return since is not None and self.now - since > self.policy.instance_deadline

    def _crash_loop(self) -> str | None:
        grown = max(0, self.floor - self.record.desired)
        most = self.record.size + self.record.extra + grown + self.policy.max_failures
        if self.record.size and self.fleet.launches > most:
            return f"{self.fleet.launches} launches for {self.record.size} instances: they do not stay alive"
        return None

    @property
    def missing(self) -> int:
        """Return how many new instances the group still has to bring into service."""
        return max(0, self.floor - len(self.old) - sum(1 for i in self.new if self.gated(i)))

    def turn_back(self, why: str) -> Step:
        """Return the step that turns the run round, carrying over what of the surge is still there."""
        owed = self.owed
        bad = len(self.new)
        extra = max(0, min(self.policy.surge, bad) - owed)
        if not self.surged:
            extra = 0
        return TurnBack(
            replace(
                self.record,
                back=True,
                surge=owed,
                returned=0,
                returning=(),
                extra=extra,
                raised=max(self.record.raised, self.fleet.maximum) + (extra if self.policy.raise_max else 0),
                # AWS tells the time in whole seconds: what failed within this one belongs to the way there.
                started=self.now + 1,
            ),
            why,
        )


def _steps(view: View) -> Iterator[Step]:
    """Yield what there is to do, most urgent first; the first one is the answer."""
    fleet, record = view.fleet, view.record
    if view.old and (view.owed or not view.pointed):
        unsuspended = tuple(p for p in record.suspended if p not in fleet.suspended)
        if unsuspended:
            yield Suspend(unsuspended)
    # Without old instances there is nothing to surge for, and max may already be restored.
    if fleet.version != record.wanted or (view.old and not view.pointed):
        yield _point(view)
    if record.back:
        mine = tuple(i.id for i in view.old if i.protected)
        if mine and record.protect:
            yield Unprotect(mine)
    elif record.protect and view.old and view.owed:
        gated = tuple(i.id for i in view.new if view.gated(i) and not i.protected)
        if gated:
            yield Protect(gated)
    if view.old and view.owed:
        yield from _replace(view)
        yield Wait(_waiting(view))
    if view.missing or any(i.leaving for i in fleet.instances):
        yield Wait(_waiting(view))
    if view.returnable:
        yield _shrink(view)
    yield from _clean(view)


def _point(view: View) -> Step:
    fleet, record = view.fleet, view.record
    if record.back:
        return Point(record.wanted, fleet.desired + record.extra, max(fleet.maximum, record.raised))
    return Point(record.wanted, fleet.desired + record.surge, max(fleet.maximum, record.raised))


def _replace(view: View) -> Iterator[Step]:
    victims = _victims(view)
    if not victims:
        return
    giving = len(view.old) <= view.owed and view.returnable > 0
    if giving:
        ids = tuple(i.id for i in victims[: min(view.returnable, MOST_RETURNING)])
        yield Return(ids, _returning(view, ids))
    # Not more at once than what must be replaced one for one: the last ones give the surge back.
    plain = max(1, len(view.old) - view.owed)
    yield Terminate(tuple(i.id for i in victims[:plain]))


def _returning(view: View, ids: tuple[str, ...]) -> Record:
    record = view.record
    taken = record.surge + (record.extra if record.back else 0)
    return replace(record, returned=taken - view.owed, returning=ids)


def _victims(view: View) -> list[Instance]:
    """Choose old instances that may go now, those that do not serve first.

    Draining overlaps the next boot, never the next kill: at most a batch is on its way out.
    """
    # Where none of the wanted version serves, nothing is proven: it may be the database that is down, for all alike.
    # But where none is coming either, since bad ones fill the group, one of these has to make room.
    coming = view.new or len(view.fleet.members) < view.fleet.desired
    if coming and not any(view.gated(i) for i in view.new):
        return []
    room = view.policy.batch - sum(1 for i in view.fleet.instances if i.leaving and i.version != view.record.wanted)
    spare = view.strength - view.floor
    zones = Counter(dict.fromkeys(view.fleet.zones, 0))
    zones.update(i.zone for i in view.fleet.members)
    rest = sorted(view.old, key=lambda i: i.id)
    chosen: list[Instance] = []
    while rest and len(chosen) < room:
        fullest = len(rest) <= view.owed or max(zones.values()) - min(zones.values()) > 1
        victim = min(rest, key=lambda i: (view.serving(i), -zones[i.zone] if fullest else zones[i.zone]))
        if view.serving(victim):
            if spare < 1:
                break
            spare -= 1
        zones[victim.zone] -= 1
        rest.remove(victim)
        chosen.append(victim)
    return chosen


def _shrink(view: View) -> Step:
    """Give the surge back where no old instance is left to take it from: they died by themselves."""
    last = sorted(view.new, key=lambda i: (view.gated(i), -i.since, i.id))
    ids = tuple(i.id for i in last[: min(view.returnable, MOST_RETURNING)])
    return Return(ids, _returning(view, ids))


def _clean(view: View) -> Iterator[Step]:
    """Leave nothing of ours behind. Old instances that are still there came in between: the next run takes them."""
    fleet, record = view.fleet, view.record
    protected = tuple(i.id for i in view.new if i.protected)
    if record.protect and protected and not record.back:
        yield Unprotect(protected)
    ours = tuple(p for p in record.suspended if p in fleet.suspended)
    if ours:
        yield Resume(ours)
    # A max that somebody else has moved meanwhile is theirs; one that desired has outgrown cannot go back.
    if fleet.maximum == record.raised != record.maximum and fleet.desired <= record.maximum:
        yield RestoreMax(record.maximum)
    yield Forget()


def _waiting(view: View) -> str:
    starting = [describe(i) for i in view.new if not view.gated(i)]
    leaving = sum(1 for i in view.fleet.instances if i.leaving)
    parts = [f"{view.strength} of {view.floor} serve", f"{len(view.new)} new, {len(view.old)} old"]
    if leaving:
        parts.append(f"{leaving} draining")
    if view.fleet.failures:
        parts.append(f"last failed launch: {view.fleet.failures[0]}")
    return "; ".join(parts + starting[:3])


def describe(instance: Instance) -> str:
    """Say in a few words what an instance looks like."""
    targets = "/".join(sorted(set(instance.targets))) or "no target group"
    revision = f", revision {instance.revision[:12]}" if instance.revision else ""
    return f"{instance.id} {instance.lifecycle}, {targets}, ready in {instance.polls} looks{revision}"


def lacks_capacity(failure: str) -> bool:
    """Tell a lack of capacity, which passes and which the group retries by itself, from a launch that cannot work."""
    return any(word in failure for word in ("InsufficientInstanceCapacity", "sufficient", "Insufficient", "capacity"))
