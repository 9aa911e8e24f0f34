"""Scheduled actions that fall into a rollout."""

from dataclasses import replace

import pytest

from tasks.decisions.rollout.schedules import (
    Noted,
    ScheduledAction,
    Sizes,
    ahead,
    between,
    from_tag,
    horizon,
    missed,
    still_meant,
    telling,
    to_tag,
    upcoming,
)

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
        f"scheduled action {MORNING} may fall into the rollout: then it is carried out when that has ended"
    ]


HOURLY = replace(MORNING, name="hourly", cron="0 * * * *")


def test_what_recurs_is_due_each_time_from_the_next_on_that_aws_names() -> None:
    due = upcoming([HOURLY], MORNING.at - 100, MORNING.at + 2 * 3600)
    assert [one.at - MORNING.at for one in due] == [0, 3600, 7200] and {one.name for one in due} == {"hourly"}
    assert upcoming([HOURLY], MORNING.at + 1, MORNING.at + 9999) == [], "AWS names a later time when this one has passed"
    ending = replace(HOURLY, until=MORNING.at + 3600)
    assert len(upcoming([ending], MORNING.at, MORNING.at + 9999)) == 2
    unknown = replace(HOURLY, cron="0 8 ? * MON")
    assert upcoming([unknown], MORNING.at, MORNING.at + 9999) == [unknown]


def test_it_is_named_once_with_how_often_it_recurs() -> None:
    (said,) = ahead([HOURLY], MORNING.at - 100, 2 * 3600)
    assert said.startswith(f"scheduled action {HOURLY}, and 1 time more by '0 * * * *' (UTC), may fall into the rollout: then")
    (said,) = ahead([replace(HOURLY, cron="*/30 * * * *", zone="Asia/Tokyo")], MORNING.at, 3600, refresh=True)
    assert "and 2 times more by '*/30 * * * *' (Asia/Tokyo), may fall into the instance refresh, which does not suspend" in said


def test_what_sets_no_other_sizes_than_those_before_it_needs_no_room_in_the_tag() -> None:
    up, down = action(1, minimum=8), action(2, desired=2)
    again = [replace(up, at=3.0), replace(down, at=4.0), replace(up, at=5.0, minimum=9)]
    assert telling([up, down, *again]) == [up, down, again[-1]]
    assert telling([]) == [] and telling([action(1)]) == [action(1)]


def test_a_rollout_that_waits_for_somebody_may_last_for_days() -> None:
    assert horizon(3600, waits=False) == 3600 and horizon(3600, waits=True) == 7 * 86400


def test_two_at_the_same_time_are_both_noted() -> None:
    both = (action(5, "a", minimum=8), action(5, "b", desired=9))
    noted = Noted(BEFORE, ()).with_actions(both)
    assert noted.actions == both and still_meant(noted, BEFORE, noted.actions)[0] == Sizes(8, 10, 9)


BEFORE = Sizes(2, 10, 4)


def action(at: int = 5, name: str = "", **sizes: int) -> ScheduledAction:
    return ScheduledAction(name, float(at), **sizes)


def test_a_note_survives_in_a_tag_without_names() -> None:
    noted = Noted(BEFORE, (action(5, minimum=8), action(9, maximum=9, desired=1)))
    assert from_tag(to_tag(noted)) == noted
    named = replace(MORNING, at=5.0)
    assert from_tag(to_tag(Noted(BEFORE, (named,)))) == Noted(BEFORE, (replace(named, name=""),))


def test_a_note_fits_into_a_tag_with_the_first_actions() -> None:
    many = Noted(BEFORE, tuple(action(1_800_000_000 + n, minimum=1000, maximum=1000, desired=1000) for n in range(20)))
    kept = from_tag(to_tag(many))
    assert len(to_tag(many)) <= 256 and kept is not None and 5 < len(kept.actions) < 20
    assert kept.actions == many.actions[: len(kept.actions)]


@pytest.mark.parametrize("value", ["", "nonsense", "1:2", "1:2:3 4:5", "1:2:3 x:-:-:-"])
def test_a_tag_that_was_edited_by_hand_is_no_note(value: str) -> None:
    assert from_tag(value) is None


def test_a_name_is_known_while_the_process_lives() -> None:
    noted = Noted(BEFORE, (action(5, minimum=8),)).with_actions([action(5, "morning", minimum=8), action(7)])
    assert [(a.name, a.at) for a in noted.actions] == [("morning", 5.0), ("", 7.0)] and noted.due(6) == [noted.actions[0]]


@pytest.mark.parametrize(
    ("now", "due", "wanted", "left"),
    [
        (BEFORE, [action(minimum=8, desired=8)], Sizes(8, 10, 8), 0),
        (BEFORE, [action(minimum=8)], Sizes(8, 10, 8), 0),
        (BEFORE, [action(minimum=12)], Sizes(12, 12, 12), 0),
        (BEFORE, [action(minimum=8, desired=8), action(6, minimum=1, desired=1)], Sizes(1, 10, 1), 0),
        (BEFORE, [action(maximum=3)], Sizes(2, 3, 3), 0),
        (Sizes(2, 10, 6), [action(desired=8)], Sizes(2, 10, 8), 0),
        (Sizes(2, 10, 6), [action(desired=3)], Sizes(2, 10, 6), 1),
        (Sizes(3, 10, 4), [action(minimum=8)], Sizes(3, 10, 4), 1),
        (Sizes(8, 10, 8), [action(minimum=8, desired=8)], Sizes(8, 10, 8), 0),
        (BEFORE, [action()], BEFORE, 0),
    ],
)
def test_what_others_have_changed_stays_and_a_scale_up_is_always_meant(
    now: Sizes, due: list[ScheduledAction], wanted: Sizes, left: int
) -> None:
    sizes, said = still_meant(Noted(BEFORE, tuple(due)), now, due)
    assert (sizes, len(said)) == (wanted, left)
