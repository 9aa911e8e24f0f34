"""`decide` by example: a whole rollout in the model, and the table of what follows from what."""

from itertools import product
from random import Random

import pytest

from tasks.decisions.rollout.steps import Done, Forget, Stop
from tests.decisions.rollout.model import GOAL, Group, Operator, policy


def rolled(group: Group, **more: object) -> Operator:
    operator = Operator(group, policy(**more), GOAL)
    operator.run()
    return operator


@pytest.mark.parametrize("desired", [0, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("surge", [1, 2, 3, 10])
@pytest.mark.parametrize("batch", [1, 2])
def test_everything_is_replaced_and_sizes_are_as_before(desired: int, surge: int, batch: int) -> None:
    group = Group.settled(min(1, desired), max(1, desired), desired)
    operator = rolled(group, surge=surge, batch=batch)
    assert isinstance(operator.ended, Done)
    assert (group.minimum, group.maximum, group.desired) == (min(1, desired), max(1, desired), desired)
    assert [b.version for b in group.members()] == ["2"] * desired
    assert group.launches == ({"2": desired} if desired else {})
    assert group.terminated == ["1"] * desired
    assert not group.suspended and group.record is None and not any(b.protected for b in group.boxes.values())


def test_a_second_run_has_nothing_to_do() -> None:
    group = Group.settled(1, 4, 3)
    rolled(group)
    before = dict(group.launches)
    assert isinstance(rolled(group).ended, Done)
    assert dict(group.launches) == before


@pytest.mark.parametrize("surge", [1, 2, 3, 4])
def test_zones_stay_balanced(surge: int) -> None:
    """Wherever a launch comes up among the emptiest zones: AZRebalance, resumed in the end, finds nothing to do."""
    for desired, seed in product([3, 6, 9, 12], range(10)):
        group = Group.settled(1, 16, desired, ties=Random(seed))
        rolled(group, surge=surge)
        zones = [b.zone for b in group.members()]
        # More than there are zones at once may come up in zones whose old ones are not enough to make up for it.
        most = 1 if surge < 3 else 2
        assert max(zones.count(z) for z in "abc") - min(zones.count(z) for z in "abc") <= most, (desired, seed, zones)


def test_what_was_suspended_before_stays_suspended() -> None:
    group = Group.settled(1, 4, 3, suspended={"AZRebalance"})
    rolled(group)
    assert group.suspended == {"AZRebalance"}


def test_a_bad_version_is_rolled_back() -> None:
    group = Group.settled(1, 4, 3, bad=frozenset({"2"}))
    operator = rolled(group)
    assert isinstance(operator.ended, Forget)
    assert any("roll back to version 1: i-0004 does not serve within 300 s" in line for line in group.log)
    assert [b.version for b in group.members()] == ["1"] * 3
    assert (group.desired, group.maximum, group.version) == (3, 4, "1")
    assert group.launches == {"2": 1}


def test_a_bad_version_without_rollback_stops_and_says_why() -> None:
    group = Group.settled(1, 4, 3, bad=frozenset({"2"}))
    ended = rolled(group, rollback=False).ended
    assert isinstance(ended, Stop) and "does not serve within 300 s" in str(ended)
    assert sum(b.version == "1" for b in group.members()) == 3
