import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.traffic.batches import batches, may_leave


@given(st.lists(st.integers()), st.integers(1, 10))
def test_batches_lose_nothing_and_are_never_too_big(items: list[int], size: int) -> None:
    parts = list(batches(items, size))
    assert [item for part in parts for item in part] == items
    assert all(1 <= len(part) <= size for part in parts)


@pytest.mark.parametrize(
    ("others", "fleet", "allowed"),
    [
        ([], 1, False),
        (["healthy"], 2, True),
        (["draining"], 2, False),
        (["healthy", "healthy"], 3, True),
        (["healthy", "draining"], 3, True),
        (["unhealthy", "draining"], 3, False),
        (["healthy", "healthy", "draining"], 4, True),
        (["healthy", "draining", "draining"], 4, False),
        (["healthy", "initial", "unused"], 4, False),
    ],
)
def test_half_of_the_fleet_stays(others: list[str], fleet: int, allowed: bool) -> None:
    states = {f"i-{number}": state for number, state in enumerate(others)} | {"me": "healthy"}
    assert may_leave("me", states, fleet) is allowed


@given(st.integers(1, 30))
def test_taking_out_as_many_as_may_leave_keeps_half_of_them(fleet: int) -> None:
    states = {f"i-{number}": "healthy" for number in range(fleet)}
    for id in list(states):
        if may_leave(id, states, fleet):
            states[id] = "draining"
    assert sum(state == "healthy" for state in states.values()) >= max(1, fleet // 2)
