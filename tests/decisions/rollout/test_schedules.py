"""Scheduled actions that fall into a rollout."""

from dataclasses import replace

import pytest

from tasks.decisions.rollout.schedules import (
    Noted,
    ScheduledAction,
    Sizes,
    between,
    from_tag,
    missed,
    not_in_tag,
    not_noted,
    still_meant,
    to_tag,
)
from tasks.decisions.rollout.schedules_ahead import ahead, horizon, since, telling, upcoming

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
    late = upcoming([HOURLY], MORNING.at + 1, MORNING.at + 9999)
    assert [one.at - MORNING.at for one in late] == [3600, 7200], "AWS may name a time that has just passed"
    assert [one.at - MORNING.at for one in upcoming([HOURLY], MORNING.at + 3600, MORNING.at + 3601)] == [3600]
    ending = replace(HOURLY, until=MORNING.at + 3600)
    assert len(upcoming([ending], MORNING.at, MORNING.at + 9999)) == 2
    unknown = replace(HOURLY, cron="0 8 ? * MON")
    assert upcoming([unknown], MORNING.at, MORNING.at + 9999) == [unknown]


def test_it_is_named_once_with_how_often_it_recurs() -> None:
    (said,) = ahead([HOURLY], MORNING.at - 100, 2 * 3600)
    assert said.startswith(f"scheduled action {HOURLY}, and 1 time more by '0 * * * *' (UTC), may fall into the rollout: then")
    (said,) = ahead([replace(HOURLY, cron="*/30 * * * *", zone="Asia/Tokyo")], MORNING.at, 3600, refresh=True)
    assert "and 2 times more by '*/30 * * * *' (Asia/Tokyo), may fall into the instance refresh, which does not suspend" in said


def test_one_whose_time_has_just_passed_is_named_with_its_next() -> None:
    (said,) = ahead([HOURLY], MORNING.at + 5, 2 * 3600)
    assert said.startswith("scheduled action hourly at 2027-01-15 09:00:00 UTC (min 8, desired 8), and 1 time more by")


def test_an_expression_that_is_not_understood_is_named() -> None:
    (said,) = ahead([replace(HOURLY, cron="0 8 ? * MON")], MORNING.at, 3600)
    assert "of which no further time is known since '0 8 ? * MON' (UTC) is not understood, may fall into the rollout" in said


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


HOUR, WEEK = 3600.0, 7 * 86400.0
NOW = MORNING.at - 100
UP = replace(MORNING, name="up", cron="0 */2 * * *", minimum=8, desired=8)
DOWN = replace(MORNING, name="down", at=MORNING.at + HOUR, cron="0 1-23/2 * * *", minimum=2, desired=2)


@pytest.mark.parametrize("hours", [*range(0, 60, 7), 200, 201])
def test_another_process_carries_out_what_was_due_last_however_long_a_rollout_has_paused(hours: int) -> None:
    """48 alternating actions have no room in the tag, and the pause may be longer than what was noted."""
    noted = Noted(BEFORE, tuple(upcoming([UP, DOWN], NOW, NOW + 48 * HOUR)), NOW + 48 * HOUR)
    found = from_tag(to_tag(noted))
    assert found is not None and len(noted.actions) == 48 > len(found.actions) and not_in_tag(noted) == []
    now = MORNING.at + hours * HOUR + 5
    later = [
        replace(UP, at=MORNING.at + (hours // 2 + 1) * 2 * HOUR),
        replace(DOWN, at=MORNING.at + (hours + 1) // 2 * 2 * HOUR + HOUR),
    ]
    due = found.with_actions(since(later, found.known, now)).due(now)
    assert [one.at for one in due] == [MORNING.at + n * HOUR for n in range(hours + 1)]
    wanted = 2 if hours % 2 else 8
    assert still_meant(found, BEFORE, due)[0].minimum == wanted


def test_what_has_not_begun_to_recur_was_not_due() -> None:
    assert since([replace(HOURLY, at=MORNING.at + 10 * HOUR)], NOW - WEEK, NOW) == []
    assert since([replace(HOURLY, at=MORNING.at + 60)], NOW - WEEK, NOW) == []
    assert since([MORNING], NOW, NOW + HOUR) == [] == since([HOURLY], NOW + HOUR, NOW)
    assert len(since([HOURLY], NOW - 5 * HOUR, NOW)) == 5
    assert since([HOURLY], MORNING.at + 1, MORNING.at + 5) == [], "it was due before"
    yearly = replace(HOURLY, cron="0 8 15 1 *")
    assert [one.at for one in since([yearly], NOW - 366 * 86400, NOW)] == [MORNING.at - 365 * 86400]
    for passed in (0, 5):
        due = since([HOURLY], MORNING.at, MORNING.at + passed)
        assert [one.at for one in due] == [MORNING.at], "AWS may name a time that has passed"


def test_what_was_due_and_set_again_since_needs_no_room() -> None:
    up, down = action(3, minimum=2, desired=2), action(4, desired=5)
    noted = Noted(BEFORE, (action(1, minimum=1), action(2, maximum=9), up, down, action(7, minimum=3)))
    assert [one.at for one in noted.lasting(5).actions] == [2, 3, 4, 7]
    assert [one.at for one in noted.lasting(7).actions] == [2, 4, 7], "due at that moment: once"
    assert noted.lasting(0) == noted


def test_what_is_due_once_has_room_first_and_is_named_where_there_is_none() -> None:
    once = tuple(action(1_800_400_000 + n, minimum=1000, maximum=1000, desired=1000) for n in range(5))
    noted = Noted(BEFORE, (*upcoming([UP, DOWN], NOW, NOW + 48 * HOUR), *once), NOW + WEEK)
    found = from_tag(to_tag(noted))
    assert found is not None and found.actions[-5:] == once and not_in_tag(noted) == [] and len(to_tag(noted)) <= 256
    assert found.until == found.actions[-6].at + HOUR
    many = noted.with_actions([replace(one, at=one.at + 9) for one in once])
    (left, *_) = not_in_tag(many)
    assert left.at == 1_800_400_013 and "the tag ramped:scheduled has no room for scheduled action at 2027" in not_noted(
        "web", left
    )


BEFORE = Sizes(2, 10, 4)


@pytest.mark.parametrize(("digits", "length", "left"), [(241, 256, 0), (242, 8, 1)])
def test_a_tag_is_filled_to_its_last_character(digits: int, length: int, left: int) -> None:
    noted = Noted(BEFORE, (action(5, desired=10 ** (digits - 1)),))
    assert len(to_tag(noted)) == length and len(not_in_tag(noted)) == left


def test_one_that_is_too_long_leaves_its_room_to_those_after_it() -> None:
    long, short = action(5, desired=10**250), action(6, minimum=3)
    recurs = replace(action(7, minimum=4), cron="* * * * *")
    noted = Noted(BEFORE, (long, short, recurs))
    found = from_tag(to_tag(noted))
    assert found is not None and found.actions == (short, replace(recurs, cron="")) and not_in_tag(noted) == [long]


def test_what_recurs_is_noted_up_to_one_time_whatever_fits_beyond_it() -> None:
    first, long, same, later = (
        replace(one, cron="* * * * *")
        for one in (action(4, minimum=4), action(5, desired=10**250), action(5, minimum=5), action(6, minimum=6))
    )
    found = from_tag(to_tag(Noted(BEFORE, (first, long, same, later), 99.0)))
    assert found == Noted(BEFORE, (replace(first, cron=""),), 5.0)


def test_what_others_have_changed_is_named() -> None:
    due = [action(minimum=8, maximum=12, desired=1)]
    assert still_meant(Noted(BEFORE, tuple(due)), Sizes(3, 11, 5), due) == (
        Sizes(3, 11, 5),
        [
            "min stays 3, not 8: it was 2 when the rollout began, and others have changed it",
            "max stays 11, not 12: it was 10 when the rollout began, and others have changed it",
            "desired stays 5, not 1: it was 4 when the rollout began, and others have changed it",
        ],
    )


def action(at: int = 5, name: str = "", **sizes: int) -> ScheduledAction:
    return ScheduledAction(name, float(at), **sizes)


def test_a_note_survives_in_a_tag_without_names() -> None:
    noted = Noted(BEFORE, (action(5, minimum=8), action(9, maximum=9, desired=1)))
    assert from_tag(to_tag(noted)) == noted
    named = replace(MORNING, at=5.0)
    assert from_tag(to_tag(Noted(BEFORE, (named,)))) == Noted(BEFORE, (replace(named, name=""),))


def test_a_note_says_until_when_it_knows() -> None:
    noted = Noted(BEFORE, (action(5, minimum=8),), 99.0)
    assert from_tag(to_tag(noted)) == noted and noted.known == 99
    old = from_tag("2:10:4 5:8:-:- 7:2:-:-")
    assert old is not None and old.known == 7 and Noted(BEFORE, ()).known > 1e300


def test_a_note_fits_into_a_tag_with_the_first_actions() -> None:
    many = Noted(BEFORE, tuple(action(1_800_000_000 + n, minimum=1000, maximum=1000, desired=1000) for n in range(20)))
    kept = from_tag(to_tag(many))
    assert len(to_tag(many)) <= 256 and kept is not None and 5 < len(kept.actions) < 20
    assert kept.actions == many.actions[: len(kept.actions)]


@pytest.mark.parametrize("value", ["", "nonsense", "1:2", "1:2:3 4:5", "1:2:3 x:-:-:-", "1:2:3:4:5", "1:2:3:x"])
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
