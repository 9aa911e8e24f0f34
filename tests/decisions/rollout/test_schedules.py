"""Scheduled actions that fall into a rollout."""

from tasks.decisions.rollout.schedules import ScheduledAction, ahead, between, missed

MORNING = ScheduledAction("morning", 1_800_000_000.0, 8, None, 8)


def test_those_within_are_named_with_their_sizes() -> None:
    (said,) = ahead([MORNING], MORNING.at - 100, 200)
    assert said.startswith("scheduled action morning at 2027-01-15 08:00:00 UTC (min 8, desired 8) may fall into the rollout")
    assert ahead([MORNING], MORNING.at - 100, 50) == [] and ahead([MORNING], MORNING.at + 1, 50) == []


def test_the_first_one_comes_first() -> None:
    later = ScheduledAction("later", MORNING.at + 5)
    assert between([later, MORNING], MORNING.at, MORNING.at + 5) == [MORNING, later]


def test_a_missed_one_is_told_as_a_command() -> None:
    assert missed("shop web", MORNING).endswith(
        "aws autoscaling update-auto-scaling-group --auto-scaling-group-name 'shop web' --min-size 8 --desired-capacity 8"
    )
