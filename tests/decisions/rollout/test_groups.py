"""What follows for one group from how far the others are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.rollout.groups import Instruction, Progress, instruction

GOING, PAUSED, READY, ENDING, OVER, BACK, RETURNED = Progress

FAILED = Instruction(stop="b is rolled back, and the groups go together")


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (GOING, GOING, Instruction(hold=True)),
        (GOING, PAUSED, Instruction(hold=True)),
        (GOING, READY, Instruction()),
        (GOING, BACK, FAILED),
        (GOING, RETURNED, FAILED),
        (PAUSED, GOING, Instruction(act=False)),
        (PAUSED, READY, Instruction(act=False)),
        (PAUSED, RETURNED, FAILED),
        (READY, GOING, Instruction(hold=True)),
        (READY, PAUSED, Instruction(act=False, hold=True)),
        (READY, READY, Instruction()),
        (READY, ENDING, Instruction()),
        (READY, OVER, Instruction()),
        (READY, BACK, FAILED),
        (ENDING, BACK, Instruction()),
        (ENDING, GOING, Instruction()),
        (OVER, BACK, Instruction(act=False)),
        (RETURNED, GOING, Instruction(act=False)),
        (BACK, RETURNED, Instruction()),
        (BACK, GOING, Instruction()),
    ],
)
def test_of_two(own: Progress, other: Progress, expected: Instruction) -> None:
    assert instruction("a", {"a": own, "b": other}) == expected


def test_alone_it_waits_for_nobody() -> None:
    for own in (GOING, READY, ENDING, BACK):
        assert instruction("a", {"a": own}) == Instruction()


@given(st.lists(st.sampled_from(list(Progress)), min_size=1, max_size=4))
def test_none_is_kept_from_ending_by_those_that_wait_for_it(all_of_them: list[Progress]) -> None:
    progress = {str(number): one for number, one in enumerate(all_of_them)}
    acting = [name for name in progress if instruction(name, progress).act]
    if not acting:
        assert all(one in (PAUSED, READY, OVER, RETURNED) for one in all_of_them)
        assert READY not in all_of_them or PAUSED in all_of_them
    failed = {BACK, RETURNED} & set(all_of_them)
    for name, one in progress.items():
        told = instruction(name, progress)
        if failed and one in (GOING, PAUSED, READY):
            assert told.act and told.stop
        assert not (told.stop and one in (OVER, RETURNED, BACK, ENDING))
