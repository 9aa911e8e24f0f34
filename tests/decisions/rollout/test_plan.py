"""The plan is what a run does, where nothing interferes."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.rollout.plan import plan
from tasks.decisions.rollout.steps import Done, Point, Return, Step, Terminate, Wait
from tests.decisions.rollout.model import GOAL, Group, Operator, policy


def done(group: Group, **more: object) -> list[Step]:
    operator = Operator(group, policy(**more), GOAL)
    steps = []
    while not operator.ended:
        steps.append(operator.tick())
    return [step for step in steps if not isinstance(step, Wait)]


def kinds(steps: list[Step]) -> list[object]:
    """Tell the steps without the ids, which depend on who is launched when."""
    return [(type(s), s) if isinstance(s, Point) else (type(s), len(getattr(s, "ids", ()))) for s in steps]


@given(
    st.integers(0, 7), st.integers(0, 3), st.integers(0, 3), st.integers(1, 5), st.booleans(), st.booleans()
)  # fmt: skip
def test_the_plan_of_a_fleet_is_what_is_done_to_it_one_by_one(
    desired: int, below: int, above: int, surge: int, balanced: bool, protects: bool
) -> None:
    suspended = set() if balanced else {"AZRebalance"}
    group = Group.settled(max(0, desired - below), desired + above, desired, suspended=suspended)
    # Every launch serves at the next look and drains are over: only then can a plan know what goes together.
    group.boot, group.drain = 0.0, 0.0
    planned = plan(group.observe(), policy(surge=surge), GOAL)
    real = done(group, surge=surge)
    assert [type(s) for s in planned if not _varies(s)] == [type(s) for s in real if not _varies(s)]
    assert [s for s in planned if isinstance(s, Point)] == [s for s in real if isinstance(s, Point)]
    assert _killed(planned) == _killed(real) == desired
    assert isinstance(planned[-1], Done)


def _varies(step: Step) -> bool:
    return type(step).__name__ in ("Protect", "Terminate", "Return", "Unprotect")


def _killed(steps: list[Step]) -> int:
    return sum(len(s.ids) for s in steps if isinstance(s, Terminate | Return))


def test_a_plan_reads_as_a_runbook() -> None:
    group = Group.settled(1, 3, 3)
    words = [str(step).split(";")[0] for step in plan(group.observe(), policy(), GOAL)]
    assert words[:3] == [
        "record run r1: version 1 to 2, surge 1",
        "suspend AZRebalance, ScheduledActions",
        "point the group at version 2, desired 4, max 4",
    ]
    assert sum(word.startswith("terminate i-") for word in words) == 3
    assert words[-4:] == [
        "resume AZRebalance, ScheduledActions",
        "set max back to 3",
        "drop the run's tags",
        "every instance of web runs version 2",
    ]


def test_a_run_under_way_is_planned_from_where_it_is() -> None:
    group = Group.settled(1, 4, 4)
    operator = Operator(group, policy(), GOAL)
    while not group.terminated:
        operator.tick()
    group.pass_time(60)
    rest = plan(group.observe(), policy(), GOAL)
    assert _killed(rest) == 3 and not any(isinstance(step, Point) for step in rest)


def test_nothing_to_do_is_planned_as_such() -> None:
    group = Group.settled(1, 4, 2, version="2")
    assert [str(step) for step in plan(group.observe(), policy(), GOAL)] == ["every instance of web runs version 2"]
