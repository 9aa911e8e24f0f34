"""The safety properties of a rollout, over generated fleets, adversaries and crashes (Hypothesis, virtual time).

capacity   the operator never takes a serving instance away when that leaves fewer than the group's own desired capacity
bounded    desired is never above the group's own plus the surge
only-old   nothing of the wanted version is terminated, but for a surplus that is left when old ones died by themselves
relative   a change of desired made by somebody else survives
progress   it ends, and with a quiet adversary after exactly N launches, however often the operator is killed
clean      at the end nothing of ours is suspended, protected, tagged; max is what it was

Each run proves other histories: some hundred, and 10,000 with `bash tests/run --all` (profiles of tests/conftest.py). A history
that ever broke a property stands above its test as an @example.
"""

from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from tasks.decisions.rollout.steps import Done, Forget, Stop, Wait
from tests.decisions.rollout.histories import World, assert_clean, assert_rolled, crashes, disturbed, events, sizes, world, writes
from tests.decisions.rollout.model import GOAL, Group, Operator, policy


# Of four that give the surge back, AWS ends two and rejects the third.
@example({"desired": 4, "below": 3, "above": 0, "surge": 4, "batch": 4, "boot": 3.0, "drain": 0.0}, [None, None, -6])
@given(sizes, crashes)
def test_with_a_quiet_adversary_it_ends_after_n_launches_however_often_it_is_killed(numbers: dict, crash: list) -> None:
    w = world(numbers)
    operator = Operator(w.group, policy(surge=numbers["surge"], batch=numbers["batch"]), GOAL)
    for at in crash:
        operator.turn(at)
        w.check()
        if operator.ended:
            break
    if not operator.ended:
        operator.run()
    assert not isinstance(operator.ended, Stop), w.story()
    assert sum(w.group.launches.values()) == w.group.launches["2"] == numbers["desired"], "progress\n" + w.story()
    assert w.group.desired == numbers["desired"], "relative\n" + w.story()
    assert not w.group.surplus, "only-old\n" + w.story()
    assert [b.version for b in w.group.members()] == ["2"] * numbers["desired"]
    assert_clean(w)


# The only one that gives the surge back has gone by itself just then.
@example({"desired": 1, "below": 0, "above": 0, "surge": 1, "batch": 1, "boot": 3.0, "drain": 0.0}, [-3] * 20)
@given(sizes, st.lists(st.none() | st.integers(-6, -1), max_size=40))
def test_what_goes_by_itself_as_it_is_to_be_terminated_gives_nothing_back(numbers: dict, rejected: list) -> None:
    w = world(numbers)
    operator = Operator(w.group, policy(surge=numbers["surge"], batch=numbers["batch"], max_failures=1000), GOAL, vanishing=True)
    for at in rejected:
        operator.turn(at)
        w.check()
        if operator.ended:
            break
    if not operator.ended:
        operator.run()
    assert not isinstance(operator.ended, Stop), w.story()
    assert w.group.desired == numbers["desired"], "relative\n" + w.story()
    assert [b.version for b in w.group.members()] == ["2"] * numbers["desired"], w.story()
    assert_clean(w)


@example(
    {"desired": 1, "below": 0, "above": 0, "surge": 1, "batch": 1, "boot": 3.0, "drain": 0.0},
    [("quiet", 0)] * 6 + [("crash", 1), ("kill", 0)],
)
@given(sizes, events)
def test_under_an_adversary_capacity_and_its_changes_survive(numbers: dict, disturbances: list) -> None:
    w = world(numbers)
    rules = policy(surge=numbers["surge"], batch=numbers["batch"], rollback=False, max_failures=1000)
    operator = Operator(w.group, rules, GOAL)
    disturbed(w, operator, disturbances)
    assert_rolled(w, operator)
    assert len(w.group.surplus) <= w.took, "only-old\n" + w.story()
    assert_clean(w)


@given(sizes, events, st.integers(0, 30))
def test_a_bad_version_goes_back_under_an_adversary(numbers: dict, disturbances: list, worse: int) -> None:
    """The new version never answers, or answers and turns bad after a while; or it cannot be launched."""
    w = world(numbers)
    w.longest = 450.0
    operator = Operator(w.group, policy(surge=numbers["surge"], batch=numbers["batch"], max_failures=1000), GOAL)
    for tick, (kind, number) in enumerate(disturbances):
        if kind in ("out", "in", "dry"):
            w.disturb(kind, number)
        if tick == worse:
            w.group.bad = frozenset({"2"})
            for box in w.group.members():
                if box.version == "2":
                    box.sick_until = float("inf")
        operator.turn(writes(kind, number))
        if operator.ended:
            return
    step = operator.run()
    w.group.pass_time(200)
    versions = {b.version for b in w.group.members()}
    assert isinstance(step, Forget | Done) and len(versions) <= 1, w.story()
    assert (w.group.version == "1") == any("roll back" in line for line in w.group.log), w.story()
    assert_clean(w)


weights = st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple)


def weighted(numbers: dict, of: tuple[int, ...], seed: int, *, protects: bool) -> World:
    """Return a world whose group counts weights: six units at most are two to six instances."""
    w = world(numbers, weights=of, ties=Random(seed), protects=protects)
    w.group.taken = 0
    return w


@given(sizes, weights, st.integers(0, 99), crashes, st.booleans())
def test_with_weights_it_ends_with_as_many_units_however_often_it_is_killed(
    numbers: dict, of: tuple[int, ...], seed: int, crash: list, protects: bool
) -> None:
    w = weighted(numbers, of, seed, protects=protects)
    operator = Operator(w.group, policy(surge=numbers["surge"], batch=numbers["batch"]), GOAL)
    for at in crash:
        operator.turn(at)
        w.check()
        if operator.ended:
            break
    if not operator.ended:
        operator.run()
    assert isinstance(operator.ended, Done), w.story()
    w.group.pass_time(200)
    assert w.group.desired == numbers["desired"], "relative\n" + w.story()
    assert {b.version for b in w.group.members()} <= {"2"}, "progress\n" + w.story()
    assert numbers["desired"] <= w.group.units() < numbers["desired"] + max(of), "progress\n" + w.story()
    assert all(b.protected == protects for b in w.group.members()), "clean\n" + w.story()
    assert not w.group.suspended and w.group.record is None and w.group.maximum == w.maximum, "clean\n" + w.story()


@example(
    {"desired": 1, "below": 0, "above": 0, "surge": 1, "batch": 1, "boot": 20.0, "drain": 0.0},
    (1, 2),
    0,
    [("quiet", 0)] * 6 + [("kill", 0), ("in", 0)],
)
@example(
    {"desired": 1, "below": 0, "above": 0, "surge": 1, "batch": 1, "boot": 20.0, "drain": 0.0},
    (2,),
    0,
    [("quiet", 0)] * 7 + [("crash", 2), ("in", 0)],
)
@given(sizes, weights, st.integers(0, 99), events)
def test_with_weights_under_an_adversary_capacity_and_its_changes_survive(
    numbers: dict, of: tuple[int, ...], seed: int, disturbances: list
) -> None:
    w = weighted(numbers, of, seed, protects=False)
    rules = policy(surge=numbers["surge"], batch=numbers["batch"], rollback=False, max_failures=1000)
    operator = Operator(w.group, rules, GOAL)
    disturbed(w, operator, disturbances)
    assert_rolled(w, operator)
    assert_clean(w)


@example(
    {"desired": 1, "below": 2, "above": 0, "surge": 1, "batch": 1, "boot": 3.0, "drain": 0.0},
    (2,),
    0,
    [("quiet", 0)] * 4 + [("in", 0), ("quiet", 0)],
    4,
)
@given(sizes, weights, st.integers(0, 99), events, st.integers(0, 30))
def test_with_weights_a_bad_version_goes_back(
    numbers: dict, of: tuple[int, ...], seed: int, disturbances: list, worse: int
) -> None:
    w = weighted(numbers, of, seed, protects=False)
    operator = Operator(w.group, policy(surge=numbers["surge"], batch=numbers["batch"], max_failures=1000), GOAL)
    for tick, (kind, number) in enumerate(disturbances):
        if kind in ("out", "in"):
            w.disturb(kind, number)
        if tick == worse:
            w.group.bad = frozenset({"2"})
            for box in w.group.members():
                if box.version == "2":
                    box.sick_until = float("inf")
        operator.turn(writes(kind, number))
        if operator.ended:
            return
    step = operator.run()
    w.group.pass_time(200)
    assert isinstance(step, Forget | Done) and len({b.version for b in w.group.members()}) <= 1, w.story()
    assert w.group.desired == max(w.group.minimum, w.own), "relative\n" + w.story()
    assert (w.group.version == "1") == any("roll back" in line for line in w.group.log), w.story()
    assert_clean(w)


@example(
    {"desired": 2, "below": 1, "above": 0, "surge": 2, "batch": 2, "boot": 3.0, "drain": 0.0},
    2,
    0,
    [("quiet", 0), ("in", 1), ("quiet", 0), ("quiet", 0), ("quiet", 0), ("quiet", 0), ("out", 1)],
    True,
    False,
)
@example(
    {"desired": 2, "below": 0, "above": 0, "surge": 2, "batch": 1, "boot": 20.0, "drain": 0.0},
    2,
    2,
    [("quiet", 0)] * 4 + [("in", 0), ("out", 0)],
    True,
    False,
)
@given(sizes, st.integers(1, 4), st.integers(0, 99), events, st.booleans(), st.booleans())
def test_a_warm_pool_ends_with_the_version_too_and_none_of_another_comes_into_service_later(
    numbers: dict, pool: int, seed: int, disturbances: list, reuses: bool, bad: bool
) -> None:
    """Launches are drawn from the pool, any of it; the pool is filled up with what the group names."""
    w = world(numbers, pool=pool, reuses=reuses, ties=Random(seed), bad=frozenset({"2"}) if bad else frozenset())
    w.group.fill()
    rules = policy(surge=numbers["surge"], batch=numbers["batch"], max_failures=1000)
    operator = Operator(w.group, rules, GOAL)
    disturbed(w, operator, [event for event in disturbances if event[0] not in ("flap", "dry")])
    assert isinstance(operator.ended, Done | Forget), w.story()
    wanted = w.group.version
    assert set(w.group.warm.values()) <= {wanted}, "pool\n" + w.story()
    w.group.pass_time(200)
    assert w.group.desired == max(w.group.minimum, w.own), "relative\n" + w.story()
    assert_clean(w)
    w.group.desired += 5
    w.group.reconcile()
    assert {b.version for b in w.group.members()} <= {wanted}, "later\n" + w.story()


standing = st.lists(
    st.tuples(
        st.sampled_from(["quiet", "quiet", "kill", "out", "in", "crash", "reject", "aside", "aside", "return"]), st.integers(0, 9)
    ),
    max_size=60,
)


# What comes back from standby is pending, and serves only after that.
@example(
    {"desired": 1, "below": 0, "above": 1, "surge": 1, "batch": 1, "boot": 20.0, "drain": 0.0},
    (1,),
    0,
    0,
    [("kill", 0), ("quiet", 0), ("quiet", 0), ("quiet", 0), ("aside", 0), ("return", 0)],
    "ignore",
    False,
)
@given(sizes, weights, st.integers(0, 2), st.integers(0, 99), standing, st.sampled_from(["ignore", "replace"]), st.booleans())
def test_with_every_kind_of_member_at_once_it_ends_and_the_next_run_finds_what_came_back(
    numbers: dict, of: tuple[int, ...], pool: int, seed: int, disturbances: list, standby: str, bad: bool
) -> None:
    """Weights, a warm pool, retained instances, and instances that somebody puts into standby and takes back."""
    more = {"weights": of, "pool": pool, "retains": True, "ties": Random(seed)}
    w = world(numbers, **more, bad=frozenset({"2"}) if bad else frozenset())
    w.group.fill()
    rules = policy(surge=numbers["surge"], batch=numbers["batch"], max_failures=1000, standby=standby)
    operator = Operator(w.group, rules, GOAL)
    disturbed(w, operator, disturbances)
    assert isinstance(operator.ended, Done | Forget), w.story()
    assert_clean(w)
    w.group.pass_time(200)
    # Killed between the record and the call that lowers desired, a scale-in by others in that moment counts as ours: with weights
    # more capacity may stay, never less.
    meant = max(w.group.minimum, w.own)
    assert w.group.desired == meant or (max(of) > 1 and w.group.desired > meant), "relative\n" + w.story()
    wanted = w.group.version
    assert set(w.group.warm.values()) <= {wanted}, "pool\n" + w.story()
    if wanted == "2":
        again = Operator(w.group, rules, GOAL)
        again.run()
        assert {b.version for b in w.group.members()} <= {"2"}, "progress\n" + w.story()
        left = {b.version for b in w.group.boxes.values() if b.aside and b.leaves is None}
        assert standby == "ignore" or left <= {"2"}, "standby\n" + w.story()
    assert_clean(w)


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3))
def test_a_crash_loop_ends_after_as_many_launches_as_may_fail_whatever_the_size(size: int, surge: int, most: int) -> None:
    """The group itself replaces each new instance before it ever serves."""
    group = Group.settled(0, 2 * size, size, crashing=frozenset({"2"}))
    operator = Operator(group, policy(surge=surge, max_failures=most), GOAL)
    step = operator.run()
    assert isinstance(step, Forget) and "ended before they served" in "\n".join(group.log)
    assert group.launches["2"] <= most + 2 * min(surge, size), "one surge more may be under way"
    assert [b.version for b in group.members()] == ["1"] * size


def test_the_model_can_fail() -> None:
    """A rollout that kills before the new one serves is caught by the watch."""
    w = world({"desired": 2, "below": 0, "above": 1, "surge": 1, "batch": 1, "boot": 20.0, "drain": 10.0})
    try:
        w.group.terminate("i-0001", decrement=False)
    except AssertionError as error:
        assert "capacity" in str(error)
    else:
        raise AssertionError("the watch did not notice")
    assert isinstance(Wait("x"), Wait)
