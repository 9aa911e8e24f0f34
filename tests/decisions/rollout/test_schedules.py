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


def test_all_sizes_are_said_and_none_where_none_is_set() -> None:
    whole = ScheduledAction("night", MORNING.at, 1, 9, 2)
    assert str(whole) == "night at 2027-01-15 08:00:00 UTC (min 1, desired 2, max 9)"
    assert str(ScheduledAction("night", MORNING.at)) == "night at 2027-01-15 08:00:00 UTC (sets nothing)"
    assert missed("web", whole) == (
        f"scheduled action {whole} was due during the rollout and was not carried out. To do it now: "
        "aws autoscaling update-auto-scaling-group --auto-scaling-group-name web --min-size 1 --max-size 9 --desired-capacity 2"
    )


def test_both_ends_of_a_rollout_belong_to_it() -> None:
    assert between([MORNING], MORNING.at, MORNING.at + 9) == [MORNING] == between([MORNING], MORNING.at - 9, MORNING.at)
    assert ahead([MORNING], MORNING.at - 100, 100) == [
        f"scheduled action {MORNING} may fall into the rollout, is not carried out then, and is printed as a command at its end"
    ]
