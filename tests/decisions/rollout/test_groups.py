"""What follows for one group from how far the others are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.rollout.groups import Orders, Standing, orders

GOING, PAUSED, THERE, ENDING, OVER, BACK, RETURNED = Standing

FAILED = Orders(stop="b is rolled back, and the groups go together")


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (GOING, GOING, Orders(hold=True)),
        (GOING, PAUSED, Orders(hold=True)),
        (GOING, THERE, Orders()),
        (GOING, BACK, FAILED),
        (GOING, RETURNED, FAILED),
        (PAUSED, GOING, Orders(act=False)),
        (PAUSED, THERE, Orders(act=False)),
        (PAUSED, RETURNED, FAILED),
        (THERE, GOING, Orders(hold=True)),
        (THERE, PAUSED, Orders(act=False, hold=True)),
        (THERE, THERE, Orders()),
        (THERE, ENDING, Orders()),
        (THERE, OVER, Orders()),
        (THERE, BACK, FAILED),
        (ENDING, BACK, Orders()),
        (ENDING, GOING, Orders()),
        (OVER, BACK, Orders(act=False)),
        (RETURNED, GOING, Orders(act=False)),
        (BACK, RETURNED, Orders()),
        (BACK, GOING, Orders()),
    ],
)
def test_of_two(own: Standing, other: Standing, expected: Orders) -> None:
    assert orders("a", {"a": own, "b": other}) == expected


def test_alone_it_waits_for_nobody() -> None:
    for own in (GOING, THERE, ENDING, BACK):
        assert orders("a", {"a": own}) == Orders()


@given(st.lists(st.sampled_from(list(Standing)), min_size=1, max_size=4))
def test_none_is_kept_from_ending_by_those_that_wait_for_it(all_of_them: list[Standing]) -> None:
    standings = {str(number): one for number, one in enumerate(all_of_them)}
    acting = [name for name in standings if orders(name, standings).act]
    if not acting:
        assert all(one in (PAUSED, THERE, OVER, RETURNED) for one in all_of_them)
        assert THERE not in all_of_them or PAUSED in all_of_them
    failed = {BACK, RETURNED} & set(all_of_them)
    for name, one in standings.items():
        told = orders(name, standings)
        if failed and one in (GOING, PAUSED, THERE):
            assert told.act and told.stop
        assert not (told.stop and one in (OVER, RETURNED, BACK, ENDING))
