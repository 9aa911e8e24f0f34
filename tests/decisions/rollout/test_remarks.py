"""What an operator is shown of a group that is not as a rollout leaves it."""

from dataclasses import replace

from tasks.decisions.rollout.remarks import remarks
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance
from tests.decisions.rollout.fleets import OURS, RECORD, new, old, surged

REST = surged(old("i-1"), old("i-2"), record=None, suspended=frozenset(), version="1", desired=2)


def found(fleet: Fleet) -> list[str]:
    return list(remarks(fleet))


def test_a_group_at_rest_has_none() -> None:
    assert found(REST) == []
    assert found(replace(REST, suspended=frozenset({"AZRebalance", "AlarmNotification"}))) == []


def test_what_a_rollout_suspends_is_named_with_the_command_that_resumes_it() -> None:
    (said,) = found(replace(REST, suspended=frozenset(OURS)))
    assert said.startswith("AZRebalance and ScheduledActions are what a rollout suspends, and none is under way")
    assert said.endswith(
        "aws autoscaling resume-processes --auto-scaling-group-name web --scaling-processes AZRebalance ScheduledActions"
    )


def test_the_warm_pool_is_compared_with_the_version_that_all_run() -> None:
    pool = (
        FleetInstance("w-1", "a", "Warmed:Stopped", "7"),
        FleetInstance("w-2", "a", "Warmed:Stopped", "1"),
        FleetInstance("w-3", "a", "Warmed:Terminating", "7"),
        FleetInstance("w-4", "a", "Warmed:Running", "8"),
    )
    (said,) = found(replace(REST, pool=pool))
    assert said.startswith(
        "the warm pool holds w-1 (version 7), w-4 (version 8), not version 1: a scale-out brings it into service"
    )
    assert found(replace(REST, pool=pool, instances=(old("i-1"), new("i-2")))) == [], (
        "which of two versions it should hold is open"
    )
    assert len(found(replace(REST, pool=pool, record=RECORD))) == 1, "a rollout under way empties it"
    assert found(replace(REST, pool=pool, instances=())) == []


def test_a_rollout_under_way_is_named_with_what_is_left() -> None:
    fleet = surged(old("i-1"), new("i-9"), new("i-8", lifecycle="Terminating"))
    assert found(fleet) == [
        "a rollout from version 1 to 2 is under way or was interrupted: 1 of 2 instances are left; `rollout` continues it"
    ]
    two = replace(fleet, instances=(*fleet.instances, old("i-2")))
    assert found(replace(two, record=replace(RECORD, back=True, size=3))) == [
        "a rollout back from version 2 to 1 is under way or was interrupted: 1 of 3 instances are left; `rollout` continues it"
    ]
    assert "2 of 3 instances are left" in found(replace(two, record=replace(RECORD, size=3)))[0]
    assert found(replace(fleet, record=replace(RECORD, back=True, aborted=True))) == [
        "the rollout to version 2 is being aborted, or the abort was interrupted; `abort` continues it"
    ]


def test_tags_that_are_missing_are_said_first() -> None:
    said = found(surged(old("i-1"), vanished=True))
    assert said[0] == "the tags of the rollout under way are missing; the next run writes them again from their copy"
    assert len(said) == 2
