"""The rollout, its resumption and its rollback: the next step is a function of a snapshot.

The rules come from "How AWS behaves" (EC2 Auto Scaling and Elastic Load Balancing user guides). Named safety properties, held by
tests over generated fleets: capacity, bounded, only-old, relative, progress, clean.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .pauses import before_pause, last_pause, pause
from .record import MOST_RETURNING, OURS_TO_SUSPEND
from .snapshot import Fleet, FleetInstance, Policy, Record, units
from .steps import (
    Abort,
    Begin,
    Copy,
    Done,
    Empty,
    Forget,
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
from .view import View, waiting
from .weights import lower, surplus

# Instances in one call of TerminateInstances: a page of the warm pool.
MOST_EMPTIED = 50
# Whether they serve, and their zone: the instances of which it is true.
_Alike = dict[tuple[bool, str], deque[FleetInstance]]


@dataclass(frozen=True)
class Goal:
    """The goal of a new run; a run under way follows its own record."""

    run: str
    source: str
    target: str


def decide(fleet: Fleet, policy: Policy, goal: Goal, now: float) -> Step:
    """Return the next step for a fleet.

    `now` is the time of the snapshot in epoch seconds. Pure: equal arguments give equal steps, so that a plan, a run, its
    resumption after a crash and its rollback are one function.
    """
    if fleet.record is None:
        return Done(at_rest(fleet)) if policy.abort else _begin(fleet, policy, goal, now)
    view = View(fleet, policy, fleet.record, now)
    if policy.abort and not fleet.record.aborted:
        return view.abort()
    if fleet.vanished:
        return Rewrite(fleet.record)
    if policy.turn_back and not fleet.record.back:
        return view.turn_back(policy.turn_back)
    if now > policy.until and (view.unfinished or view.watched):
        # Slow is not bad: the same command goes on.
        return Stop(f"not finished in time: {waiting(view)}")
    trouble = view.trouble()
    if trouble:
        return view.turn_back(trouble) if policy.rollback and not view.record.back else Stop(trouble)
    return next(_steps(view))


def _begin(fleet: Fleet, policy: Policy, goal: Goal, now: float) -> Step:
    old = [i for i in fleet.members if i.version != goal.target]
    if reached(fleet, policy, goal.target):
        leaving = sum(1 for i in fleet.instances if i.leaving)
        drains = f" ({leaving} more are terminating)" if leaving else ""
        return Done(f"every instance of {fleet.group} runs version {goal.target}{drains}")
    surge = max(fleet.least_surge if old else 0, min(policy.surge, units(old), policy.canary or policy.surge))
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
            latest=fleet.version == "$Latest",
        )
    )


def reached(fleet: Fleet, policy: Policy, version: str) -> bool:
    """Return whether nothing is left to replace: the group launches a version, and all that it holds is of that version."""
    others = any(i.version != version for i in fleet.members) or fleet.outdated(version) or _aside(fleet, policy, version)
    return fleet.version == version and not others


def at_rest(fleet: Fleet) -> str:
    """Describe a group without a rollout under way."""
    versions = Counter(i.version for i in fleet.members)
    run = ", ".join(f"{count} of version {version}" for version, count in sorted(versions.items())) or "no instances"
    return f"no rollout of {fleet.group} is under way: {run}; it launches version {fleet.version}"


def _steps(view: View) -> Iterator[Step]:
    """Yield the possible steps, most urgent first; `decide` takes the first."""
    fleet, record = view.fleet, view.record
    if view.old and (view.owed or not view.pointed):
        unsuspended = tuple(p for p in record.suspended if p not in fleet.suspended)
        if unsuspended:
            yield Suspend(unsuspended)
    # Without old instances there is nothing to surge for, and max may already be restored.
    if fleet.version != record.wanted or (view.old and not view.pointed):
        if record.back and -record.extra > view.short:
            more = replace(record, extra=-view.short)
            yield Abort(more) if record.aborted else TurnBack(more, "the group could launch more after all")
        yield _point(view)
    outdated = fleet.outdated(record.wanted)
    if outdated and not record.aborted:
        # At once, for the group launches from its pool; what was drawn from it before is replaced like any old instance.
        yield Empty(tuple(i.id for i in outdated[:MOST_EMPTIED]))
    if record.back and not record.aborted and fleet.latest == record.target:
        yield Copy(record.source, record.run)
    if record.back:
        mine = tuple(i.id for i in fleet.members if i.protected and i.version == record.target)
        if mine and record.protect:
            yield Unprotect(mine)
    elif record.protect and ((view.old and view.owed) or (fleet.weighted and view.returnable)):
        gated = tuple(i.id for i in view.new if view.gated(i) and not i.protected)
        if gated:
            yield Protect(gated)
    if view.old and view.owed:
        yield from pause(view)
        yield from _replace(view)
        yield Wait(waiting(view))
    # Draining ends by itself, and may take as long as the target group or a hook allows.
    if view.missing:
        yield Wait(waiting(view))
    if view.returnable and fleet.weighted:
        yield from lower(view)
    elif view.returnable:
        if view.short:
            # A decrement would terminate a serving instance for one that was never launched.
            yield Wait(waiting(view))
        yield _shrink(view)
    if view.lowered:
        yield from surplus(view)
    yield from last_pause(view)
    yield from _retire(view)
    returning = [i for i in fleet.instances if i.leaving and not i.retained and i.version != record.wanted]
    if fleet.reuses and returning and not record.aborted:
        # They go back to the pool, and would come into service again.
        yield Wait(waiting(view))
    yield from _clean(view)


def _point(view: View) -> Step:
    fleet, record = view.fleet, view.record
    # Another user may have pointed the group elsewhere after the surge: never surge twice.
    more = record.extra if record.back else 0 if view.surged else record.surge
    return Point(record.wanted, fleet.desired + more, max(fleet.maximum, record.raised))


def _replace(view: View) -> Iterator[Step]:
    victims = _victims(view)
    if not victims:
        return
    if view.fleet.weighted:
        yield Terminate(tuple(i.id for i in victims))
    giving = len(view.old) <= view.owed and view.returnable > 0
    if giving:
        ids = tuple(i.id for i in victims[: min(view.returnable, MOST_RETURNING)])
        yield Return(ids, _returning(view, ids))
    # No more at once than must be replaced one for one: the last old instances give the surge back.
    plain = max(1, len(view.old) - view.owed)
    yield Terminate(tuple(i.id for i in victims[:plain]))


def _returning(view: View, ids: tuple[str, ...]) -> Record:
    record = view.record
    return replace(record, returned=record.surge + record.extra - view.owed, returning=ids)


def _victims(view: View) -> list[FleetInstance]:
    """Choose old instances that may be terminated now, those that do not serve first.

    Draining overlaps the next boot, never the next kill: at most a batch is terminating.
    """
    # Where no instance of the wanted version serves, nothing is proven: the database may be down for all of them.
    # But where none can launch either, since bad instances fill the group, one of these has to make room.
    if (view.new or view.short) and not any(view.gated(i) for i in view.new):
        return []
    leaving = [i for i in view.fleet.instances if i.leaving and not i.retained and i.version != view.record.wanted]
    room, spare, ahead = view.policy.batch - units(leaving), view.spare, before_pause(view)
    chosen: list[FleetInstance] = []
    for i in _order(view):
        # An instance that weighs more than a batch goes alone.
        fits = i.weight <= room or not (chosen or leaving)
        lost = i.weight + view.fleet.overage if view.serving(i) else 0
        if not fits or len(chosen) == ahead or lost > max(0, spare):
            break
        room -= i.weight
        spare -= lost
        chosen.append(i)
    return chosen


def _order(view: View) -> list[FleetInstance]:
    """Sort the old instances as they are terminated: those that do not serve first, those that give the surge back last.

    The last are kept in the fullest zones, so that giving them back leaves the zones balanced: else AZRebalance,
    resumed in the end, would begin to launch and to terminate. The others go evenly, for a replacement may come up in another
    zone, and as long as every zone has an old instance left there is a choice for the last.
    """
    zones = Counter(i.zone for i in view.fleet.members)
    for _ in range(view.coming):
        zones[min(view.fleet.zones, key=lambda zone: (zones[zone], zone), default="")] += 1
    # By kind, each in its order: finding the next instance takes the same time in a large fleet.
    alike: _Alike = {}
    for i in sorted(view.old, key=lambda i: i.id):
        alike.setdefault((view.serving(i), i.zone), deque()).append(i)
    left = Counter(i.zone for i in view.old)
    full, last = Counter(zones), list[FleetInstance]()
    for _ in range(0 if view.fleet.weighted else min(view.owed, len(view.old))):
        kind = max(alike, key=lambda kind: (kind[0], full[kind[1]], left[kind[1]], kind[1]))
        last.append(_take(alike, kind, deque.pop))
        full[kind[1]] -= 1
    order: list[FleetInstance] = []
    while alike:
        kind = min(alike, key=lambda kind: (kind[0], -left[kind[1]], zones[kind[1]], kind[1]))
        order.append(_take(alike, kind, deque.popleft))
        left[kind[1]] -= 1
        zones[kind[1]] -= 1
    return sorted(order + last, key=view.serving)


def _take(alike: _Alike, kind: tuple[bool, str], take: Callable[[deque[FleetInstance]], FleetInstance]) -> FleetInstance:
    taken = take(alike[kind])
    if not alike[kind]:
        del alike[kind]
    return taken


def _shrink(view: View) -> Step:
    """Give the surge back where no old instance is left for it: they died, or the run is aborted."""
    left, zones = list(view.new), Counter(i.zone for i in view.new)
    ids = list[str]()
    while left and len(ids) < min(view.returnable, MOST_RETURNING):
        instance = min(
            left, key=lambda i: (i.ready, view.serving(i), i.version == view.record.target, -zones[i.zone], -i.since, i.id)
        )
        left.remove(instance)
        zones[instance.zone] -= 1
        ids.append(instance.id)
    return Return(tuple(ids), _returning(view, tuple(ids)))


def _aside(fleet: Fleet, policy: Policy, version: str) -> tuple[FleetInstance, ...]:
    """Return the instances in standby that are to be terminated."""
    return fleet.left_aside(version) if policy.standby == "replace" else ()


def _retire(view: View) -> Iterator[Step]:
    """Terminate what is in standby with another version, last: it is a look at the old version, or a spare of it."""
    record = view.record
    left = () if record.aborted else _aside(view.fleet, view.policy, record.wanted)
    # On the way back those of the old version are as they were.
    left = tuple(i for i in left if not record.back or i.version == record.target)
    if settled := tuple(i.id for i in left if i.lifecycle == "Standby"):
        yield Retire(settled)
    if left:
        yield Wait(waiting(view))


def _clean(view: View) -> Iterator[Step]:
    """Remove all traces of the run. Old instances still there were launched meanwhile: the next run replaces them."""
    fleet, record = view.fleet, view.record
    protected = tuple(i.id for i in view.new if i.protected)
    if record.protect and protected and not record.back:
        yield Unprotect(protected)
    ours = tuple(p for p in record.suspended if p in fleet.suspended)
    if ours:
        yield Resume(ours)
    # A max that another user changed meanwhile stays; a max below desired cannot be restored.
    if fleet.maximum == record.raised != record.maximum and fleet.desired <= record.maximum:
        yield RestoreMax(record.maximum)
    yield Forget()
