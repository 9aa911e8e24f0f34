"""The safety properties where AWS is as unkind as it may be, and others own the group too (Hypothesis, virtual time).

Answers lag behind writes, tags vanish, launches are Cancelled, somebody names a version of theirs, instances stay retained.
A process that begins anew is later than any lag: it takes the lock first, and looks at what there is before it writes.
"""

from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.decisions.rollout.snapshot import Fleet
from tasks.decisions.rollout.steps import Done, Forget, Stop, TurnBack
from tests.decisions.rollout.histories import World, assert_clean, sizes
from tests.decisions.rollout.model import GOAL, Box, Group, Operator, policy

LAG = 10.0
KMS = "Instance became unhealthy while waiting for instance to be in InService state. Client.InternalError"


@dataclass
class UnkindGroup(Group):
    """The model with answers of the past, lost tags, launches that die and instances that stay."""

    lag: float = 0.0
    retains: bool = False
    cancelled: list[str] = field(default_factory=list)
    dying: int = 0  # so many of the next launches are Cancelled
    past: list[tuple[float, Fleet]] = field(default_factory=list)
    chance: Random = field(default_factory=lambda: Random(0))

    def observe(self) -> Fleet:
        """Look, perhaps at what was a moment ago."""
        self._keep()
        while len(self.past) > 1 and self.past[1][0] < self.now - self.lag:
            del self.past[0]
        return self.chance.choice(self.past)[1] if self.lag else self.past[-1][1]

    def _keep(self) -> None:
        failures = tuple(KMS for id in self.cancelled if self.record and self.births[id] >= self.record.started)
        seen = super().observe()
        self.past.append((self.now, replace(seen, failures=failures, launched=seen.launched - set(self.cancelled))))

    def launch(self, ready: bool = False) -> None:
        super().launch(ready)
        if self.dying > 0 and not ready:
            self.dying -= 1
            id = self.launched[-1]
            self.cancelled.append(id)
            del self.boxes[id]

    def reconcile(self) -> None:
        """A launch that dies is tried again at the next turn, not at once."""
        dying = self.dying
        super().reconcile() if not dying else self._once()
        self._keep()

    def _once(self) -> None:
        if len(self.members()) < self.desired:
            self.launch()

    def pass_time(self, seconds: float) -> None:
        kept = [b for b in self.boxes.values() if self.retains and b.leaves is not None and self.now + seconds >= b.leaves]
        for box in kept:
            self.boxes[box.id] = Retained(**vars(box) | {"leaves": float("inf")})
        super().pass_time(seconds)

    def outlast(self) -> None:
        # What was written last is no older than the lag allows.
        self._keep()
        self.pass_time(self.lag + 1)


class Retained(Box):
    """An instance whose termination hook was abandoned, in a group that keeps such ones."""

    def lifecycle(self, now: float) -> str:
        return "Terminating:Retained"


def world(numbers: dict, **more: object) -> World:
    desired = numbers["desired"]
    group = UnkindGroup.settled(max(0, desired - numbers["below"]), desired + numbers["above"], desired, **more)
    group.boot, group.drain = numbers["boot"], numbers["drain"]
    return World(group, numbers["surge"], desired)


crashes = st.lists(st.none() | st.integers(0, 5) | st.just("tags"), max_size=40)


@example(
    {"desired": 5, "below": 0, "above": 1, "surge": 3, "batch": 3, "boot": 60.0, "drain": 10.0},
    [1, 2, "tags", 1, 2, 1, 2, None, 2, None, "tags"],
    True,
    False,
    854,
)
@given(sizes, crashes, st.booleans(), st.booleans(), st.integers(0, 1000))
def test_answers_that_lag_tags_that_vanish_and_instances_that_stay(
    numbers: dict, crash: list, lags: bool, retains: bool, seed: int
) -> None:
    w = world(numbers, lag=LAG if lags else 0.0, retains=retains, chance=Random(seed))
    operator = Operator(w.group, policy(surge=numbers["surge"], batch=numbers["batch"]), GOAL)
    for at in crash:
        if at == "tags":
            w.group.log.append(f"{w.group.now:6.0f} adversary: tags")
            w.group.record = None
        operator.turn(None if at == "tags" else at)
        w.check()
        if operator.ended:
            break
    if not operator.ended:
        operator.run()
    assert isinstance(operator.ended, Done), w.story()
    launches = w.group.launches
    assert sum(launches.values()) == launches["2"] == numbers["desired"], "progress\n" + w.story()
    assert w.group.desired == numbers["desired"], "relative\n" + w.story()
    assert not w.group.surplus, "only-old\n" + w.story()
    assert_clean(w)
    assert w.group.copy is None


# Not "kill" beside "crash": where a process dies between the surge and its first launch, somebody names another version, and
# that one new instance dies, no trace of the surge is left.
others = st.lists(st.sampled_from(["quiet", "quiet", "quiet", "tags", "die", "foreign", "crash"]), max_size=60)
ONE = {"desired": 1, "below": 0, "surge": 1, "batch": 1, "boot": 3.0, "drain": 0.0}


@example(ONE | {"above": 0}, ["quiet", "quiet", "quiet", "foreign", "kill"], 1)
@example(ONE | {"above": 1}, ["quiet", "quiet", "quiet", "foreign", "kill"], 1)
@example(
    {"desired": 1, "below": 0, "above": 1, "surge": 1, "batch": 1, "boot": 3.0, "drain": 0.0},
    ["quiet", "quiet", "quiet", "foreign", "kill"],
    1,
)
@example(
    {"desired": 1, "below": 0, "above": 0, "surge": 1, "batch": 1, "boot": 3.0, "drain": 0.0},
    ["quiet", "quiet", "quiet", "foreign", "kill"],
    1,
)
@given(sizes, others, st.integers(0, 9))
def test_launches_that_are_cancelled_and_versions_of_others(numbers: dict, disturbances: list, number: int) -> None:
    w = world(numbers)
    rules = policy(surge=numbers["surge"], batch=numbers["batch"], rollback=False, max_failures=1000)
    operator = Operator(w.group, rules, GOAL)
    for kind in disturbances:
        disturb(w, kind, number)
        operator.turn(number % 6 if kind == "crash" else None)
        if operator.ended:
            break
    if not operator.ended:
        operator.run()
    assert isinstance(operator.ended, Done), w.story()
    w.group.pass_time(200)
    assert {b.version for b in w.group.members()} <= {"2"}, "progress\n" + w.story()
    assert w.group.desired == numbers["desired"], "relative\n" + w.story()
    assert len(w.group.surplus) <= w.took, "only-old\n" + w.story()
    assert_clean(w)


def disturb(w: World, kind: str, number: int) -> None:
    group = w.group
    group.log.append(f"{group.now:6.0f} adversary: {kind}")
    if kind == "tags":
        group.record = None
    elif kind == "die":
        group.dying = 1 + number % 3
    elif kind == "foreign" and group.record and any(b.version == "2" for b in group.members()):
        group.version = "9"
    elif kind == "kill":
        w.disturb("kill", number)


@dataclass
class Imageless(Group):
    """A group whose new version names an image that is gone: each try fails at once, also after our last look."""

    failed: list[float] = field(default_factory=list)

    def reconcile(self) -> None:
        if self.version == "2" and self.units() < self.desired:
            self.failed.append(self.now)
        else:
            super().reconcile()

    def observe(self) -> Fleet:
        since = self.record.failing_since if self.record else self.now
        return replace(super().observe(), failures=tuple(KMS for at in self.failed if at >= since))


@pytest.mark.parametrize("late", [0.5, 5.0, 29.0])
def test_launches_that_fail_before_the_group_is_pointed_back_do_not_end_the_rollback(late: float) -> None:
    group = Imageless.settled(0, 4, 2)
    operator = Operator(group, policy(max_failures=1), GOAL)
    while not isinstance(operator.tick(), TurnBack):
        assert not operator.ended, "\n".join(group.log)
    group.pass_time(late)
    assert isinstance(operator.run(), Forget) and group.version == "1", "\n".join(group.log)


@pytest.mark.parametrize("most", [1, 3])
def test_cancelled_launches_end_it_whatever_the_size(most: int) -> None:
    group = UnkindGroup.settled(0, 40, 20, dying=10**6)
    operator = Operator(group, policy(surge=2, max_failures=most), GOAL)
    for _ in range(60):
        operator.turn()
        if any("roll back" in line for line in group.log):
            break
    assert group.launches["2"] <= most + 1, "\n".join(group.log[-20:])
    assert not isinstance(operator.ended, Stop)
