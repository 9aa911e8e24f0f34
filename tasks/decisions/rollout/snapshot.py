"""The input of a rollout's decisions: one frozen snapshot of the group, its targets, its activities and our record."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

# Seconds after a write in which a contradicting answer counts as stale ("Eventual consistency", EC2 API); later
# it is another user's change.
SETTLED = 30.0
GONE = ("Terminated", "Detached", "Detaching")


@dataclass(frozen=True)
class FleetInstance:
    """One member of the group, as seen in one poll."""

    id: str
    zone: str
    lifecycle: str
    version: str  # resolved number of the launch template version
    protected: bool = False
    weight: int = 1  # units of the desired capacity
    health: str = "Healthy"
    targets: tuple[str, ...] = ()  # its state in each attached target group
    reason: str = ""  # why a target group does not find it healthy
    since: float = 0.0  # launched, or first seen: epoch seconds
    in_service_since: float | None = None
    idle_since: float | None = None  # since when it has not been ready; None while it is ready
    polls: int = 0  # consecutive polls that found it ready
    revision: str | None = None  # that it reported

    @property
    def leaving(self) -> bool:
        """Return whether it is being terminated or detached."""
        return "Terminat" in self.lifecycle or self.lifecycle in GONE

    @property
    def retained(self) -> bool:
        """Return whether its group keeps it for inspection (InstanceLifecyclePolicy): it stays until terminated by hand."""
        return self.lifecycle == "Terminating:Retained"

    @property
    def aside(self) -> bool:
        """Return whether it was put into standby by hand, or is about to be: it does not count, and gets no traffic."""
        return "Standby" in self.lifecycle

    @property
    def ready(self) -> bool:
        """Return whether it can take traffic: in service and healthy in every attached target group."""
        return self.lifecycle == "InService" and self.health == "Healthy" and all(t == "healthy" for t in self.targets)


@dataclass(frozen=True)
class Record:
    """The state that must survive a crash: written to the tags of the group before the step that needs it.

    `source` and `target` are template version numbers; `maximum` is the group's own MaxSize and `raised` what we set;
    `suspended` are the processes that *we* suspend; `returned` counts the surge returned, `returning` names the instances
    whose termination returns more of it.
    """

    run: str
    source: str
    target: str
    surge: int
    maximum: int
    raised: int
    started: float
    size: int = 0  # instances to replace
    desired: int = 0  # the group's own
    suspended: tuple[str, ...] = ()
    protect: bool = True
    pointed: bool = False  # the group named the target before we began
    latest: bool = False  # it followed $Latest
    surged: bool = False  # whatever the group names by now
    back: bool = False  # rolling back to `source`
    aborted: bool = False  # returning the surge, and leaving the instances as they are
    extra: int = 0  # additional surge for the rollback
    returned: int = 0
    returning: tuple[str, ...] = ()
    passed: int = 0  # new instances that were confirmed at a pause
    lowering: int = 0  # desired before it is lowered by the surge (weights only); negative where the same call sets max back

    @property
    def wanted(self) -> str:
        """Return the version that the group launches at the end."""
        if self.aborted:
            return self.target if self.pointed else self.source
        return self.source if self.back else self.target

    @property
    def failing_since(self) -> float:
        """Return when launches begin to count as failures of this run, in epoch seconds.

        Those of the rollout may fail until the group is pointed back, and until it acts upon that.
        """
        return self.started + (SETTLED if self.back else 0.0)


@dataclass(frozen=True)
class Fleet:
    """A group at one time."""

    group: str
    minimum: int
    maximum: int
    desired: int
    version: str  # what the group's template reference says: a number, $Latest or $Default
    instances: tuple[FleetInstance, ...] = ()
    zones: tuple[str, ...] = ()
    suspended: frozenset[str] = frozenset()
    record: Record | None = None
    vanished: bool = False  # the tags that held the record were removed
    failures: tuple[str, ...] = ()  # texts of the launches that failed since the run began, newest first
    short_since: float | None = None  # since when the group has fewer members than desired
    launches: int = 0  # launches since the run began, failed ones and those of other versions not counted
    launched: frozenset[str] = frozenset()  # ids of the launches since the run began, without those that failed
    excused: frozenset[str] = frozenset()  # ids whose end says nothing about the new version: they have served, or were scaled in
    died: frozenset[str] = frozenset()  # ids that ended without a user request: failed, or scaled in
    requested: frozenset[str] = frozenset()  # ids that ended by one, though the warm pool may have brought them back since
    departed: tuple[str, ...] = ()  # new instances that left without ever having passed the gate
    protects_new: bool = False
    alarms: tuple[str, ...] = ()  # of the policy, those in ALARM
    exceeded: tuple[str, ...] = ()  # limits of error rate and latency, one sentence each
    latest: str = ""  # the newest version of its template, in the rollback of a group that followed $Latest
    pool: tuple[FleetInstance, ...] = ()  # its warm pool
    reuses: bool = False  # what is scaled in returns to the pool
    heaviest: int = 1  # largest weight of an instance: above 1, sizes are units and not instances
    lightest: int = 1
    blind: bool = False  # the health of targets is of an earlier poll: enough to wait, for no other step

    @cached_property
    def members(self) -> tuple[FleetInstance, ...]:
        """Return the instances that count: neither terminating nor in standby."""
        return tuple(i for i in self.instances if not i.leaving and not i.aside)

    def left_aside(self, version: str) -> tuple[FleetInstance, ...]:
        """Return the instances in standby that are of another version."""
        return tuple(i for i in self.instances if i.aside and i.version != version)

    def outdated(self, version: str) -> tuple[FleetInstance, ...]:
        """Return the instances of the warm pool that are of another version, and not terminating."""
        return tuple(i for i in self.pool if i.version != version and not i.leaving)

    @property
    def weighted(self) -> bool:
        """Return whether instances count by weights."""
        return self.heaviest > 1

    @property
    def overage(self) -> int:
        """Return how many serving units the group may end by itself after a launch that exceeded desired.

        A launch exceeds it by less than the heaviest weight, and scale-in may then take a lighter instance.
        """
        return self.heaviest - 1 if self.lightest < self.heaviest else 0

    @property
    def least_surge(self) -> int:
        """Return the smallest surge with which every instance can be terminated; 0 without weights."""
        return self.heaviest + self.overage if self.weighted else 0


def units(instances: Iterable[FleetInstance]) -> int:
    """Return how much of the desired capacity instances are."""
    return sum(i.weight for i in instances)


@dataclass(frozen=True)
class Policy:
    """The rollout's numbers, percentages already resolved; durations in seconds."""

    surge: int = 1
    batch: int = 1
    healthy_polls: int = 3
    warm_up: float = 0
    instance_timeout: float = 900
    until: float = float("inf")  # epoch seconds: the end of the timeout
    max_failures: int = 3
    raise_max: bool = True
    standby: str = "refuse"  # instances in standby: refuse, ignore or replace
    rollback: bool = True
    canary: int = 0  # new instances before the first pause; the surge is no larger
    pauses: tuple[int, ...] = ()  # new instances at which it pauses, the canary among them
    pause: float = 0  # length of each pause, the last included
    confirmed: bool = False  # the operator confirmed every pause
    together: bool = False  # with other groups: none ends before all are ready
    hold: bool = False  # other groups are not ready
    stop: str = ""  # why another group has failed
    turn_back: str = ""  # why the run under way is to be rolled back, whatever its state
    abort: bool = False  # end the run under way for good, and begin none
    proof: bool = False  # no target group shows whether an instance serves: it must report a revision, whatever it is
    revisions: Mapping[str, str] = field(default_factory=dict)  # template version -> revision its instances must report


def unlowered(fleet: Fleet, record: Record) -> bool:
    """Return whether the group shows that the call that lowers desired, in a group with weights, was not made."""
    if record.lowering < 0:
        # Another user may change desired just then; max tells it apart from our call.
        return fleet.maximum == record.raised
    return fleet.desired >= record.lowering


def count(value: int | str, of: int) -> int:
    """Resolve a count or a percentage such as "25%" against a size: rounded down, at least 1."""
    if isinstance(value, str):
        return max(1, of * int(value.removesuffix("%")) // 100)
    return max(1, value)


def way_back(fleet: Fleet, named: str, target: str) -> str:
    """Return the version to go back to, as a number.

    `named`: what the group's reference resolves to now. Where that is the target already ($Latest, or a group that was pointed at
    it before), go back to the version that most of the others run.
    """
    others = Counter(i.version for i in fleet.members if i.version != target and i.version.isdecimal())
    if named != target or not others:
        return named
    return max(others, key=lambda version: (others[version], int(version)))


def gated(instance: FleetInstance, policy: Policy, now: float) -> bool:
    """Return whether an instance has passed: ready over consecutive polls, warmed up, and of the right revision."""
    since = instance.in_service_since
    warm = since is not None and now - since >= policy.warm_up
    revision = policy.revisions.get(instance.version)
    proven = instance.revision == revision if revision else bool(instance.revision) or not policy.proof
    return instance.ready and warm and instance.polls >= policy.healthy_polls and proven


def remember(before: Fleet | None, now: Fleet, at: float, policy: Policy, *, again: bool = False) -> Fleet:
    """Carry over what one poll cannot show: since when, how often in a row, which revision, which instances came and went.

    `at` is the time of the poll in epoch seconds. `again`: `before` was polled a moment ago, and both count once.
    """
    known = {i.id: i for i in before.instances} if before else {}
    short_since = None
    if units(now.members) < now.desired:
        short_since = at if before is None or before.short_since is None else before.short_since
    instances = tuple(_with_past(i, known.get(i.id), at, again) for i in now.instances)
    others = {i.id for i in (*known.values(), *instances) if now.record and i.version != now.record.wanted}
    here = {i.id for i in instances if not i.leaving}
    excused = now.excused | others
    # The group is read before its activities: what was launched in between has not left. What the previous poll knew has.
    met: set[str] = set()
    if before:
        excused |= before.excused | {i.id for i in before.instances if gated(i, policy, at)}
        met = {*before.departed, *before.launched, *known}
    else:
        # What left before the first poll of this process may have served.
        excused |= now.launched - here
    return replace(
        now,
        instances=instances,
        short_since=short_since,
        launches=now.launches - len(now.launched & others),
        excused=excused,
        departed=tuple(sorted((now.launched & met) - here - excused)),
    )


def _with_past(now: FleetInstance, past: FleetInstance | None, at: float, again: bool) -> FleetInstance:
    serving_since = past.in_service_since if past else None
    if now.lifecycle != "InService":
        serving_since = None
    elif serving_since is None:
        serving_since = at
    since = now.since or (past.since if past else at)
    idle_since = (past.idle_since or at) if past else since
    polls = past.polls if past else 0
    return replace(
        now,
        since=since,
        in_service_since=serving_since,
        idle_since=None if now.ready else idle_since,
        polls=max(1, polls if again else polls + 1) if now.ready else 0,
        revision=now.revision or (past.revision if past else None),
    )
