"""When scheduled actions recur: as the stand-in cloud, which reads the expressions by itself."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.scaling.recurrence import Recurrence
from tasks.decisions.rollout.recurrences import is_read, times

WEEK = 7 * 86400.0
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Chatham", "Etc/GMT+9")


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(cron: str, zone: str, begin: str, end: str) -> list[str]:
    return [datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M") for at in times(cron, zone, utc(begin), utc(end))]


def field(least: int, most: int, *names: str) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    pair = st.tuples(number, number).map(sorted)
    step = st.integers(1, 7)
    return st.one_of(
        st.just("*"),
        number.map(str),
        st.sets(number, min_size=2, max_size=3).map(lambda found: ",".join(map(str, sorted(found)))),
        pair.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        step.map(lambda by: f"*/{by}"),
        st.tuples(pair, step).map(lambda found: f"{found[0][0]}-{found[0][1]}/{found[1]}"),
        *([st.sampled_from(names)] if names else []),
    )


WEEKDAYS = field(0, 7, "Sun", "FRI", "MON-FRI", "FRI-SUN", "6-1")
CRON = st.tuples(field(0, 59), field(0, 23), field(1, 31), field(1, 12, "JAN", "oct"), WEEKDAYS)


@given(CRON, st.sampled_from(ZONES), st.integers(int(utc("2026-01-01")), int(utc("2028-12-31"))))
def test_the_next_times_are_those_of_the_cloud(fields: tuple[str, ...], zone: str, begin: int) -> None:
    cron, end = " ".join(fields), begin + 3 * 86400.0
    expected, at = list[float](), Recurrence(cron, zone).after(begin)
    while at is not None and at.timestamp() <= end and len(expected) < 20:
        expected.append(at.timestamp())
        at = Recurrence(cron, zone).after(at.timestamp())
    assert times(cron, zone, begin, end)[: len(expected)] == expected
    assert len(expected) == 20 or len(times(cron, zone, begin, end)) == len(expected)


def test_it_goes_by_the_clock_of_the_zone_when_that_is_put_forward_and_back() -> None:
    assert shown("30 8 * * *", "Europe/Berlin", "2026-03-27", "2026-03-30") == ["03-27 07:30", "03-28 07:30", "03-29 06:30"]
    assert shown("30 8 * * *", "Europe/Berlin", "2026-10-24", "2026-10-26") == ["10-24 06:30", "10-25 07:30"]
    # A time that comes twice is meant once, and one that does not come is an hour later.
    assert shown("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00") == ["10-25 00:30"]
    assert shown("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00") == ["03-29 01:30"]


def test_of_a_day_of_the_month_and_a_day_of_the_week_either_is_enough() -> None:
    assert shown("0 9 13 * FRI", "UTC", "2026-11-09", "2026-11-15") == ["11-13 09:00"]
    assert shown("0 9 10 * FRI", "UTC", "2026-11-09", "2026-11-15") == ["11-10 09:00", "11-13 09:00"]
    assert shown("0 9 * * 7", "UTC", "2026-11-09", "2026-11-16") == ["11-15 09:00"]
    assert shown("0 0 1 1,6,12 *", "UTC", "2026-11-28", "2026-12-02") == ["12-01 00:00"]


def test_a_step_without_an_end_goes_on_to_the_last_and_months_have_names() -> None:
    assert shown("0 5/9 * * *", "UTC", "2026-11-09", "2026-11-10") == ["11-09 05:00", "11-09 14:00", "11-09 23:00"]
    assert shown("0 0 1 Jan,DEC *", "UTC", "2026-11-28", "2027-02-02") == ["12-01 00:00", "01-01 00:00"]


@pytest.mark.parametrize("weekdays", ["FRI-SUN", "fri-0", "5-7", "FRI,SAT,SUN"])
def test_a_range_of_weekdays_may_end_with_sunday(weekdays: str) -> None:
    assert shown(f"0 9 * * {weekdays}", "UTC", "2026-11-09", "2026-11-16") == ["11-13 09:00", "11-14 09:00", "11-15 09:00"]


def test_a_range_of_weekdays_may_go_on_in_the_next_week() -> None:
    assert shown("0 9 * * SAT-MON", "UTC", "2026-11-09", "2026-11-16") == ["11-09 09:00", "11-14 09:00", "11-15 09:00"]


def test_both_ends_are_as_said() -> None:
    assert times("0 8 * * *", "UTC", utc("2026-11-10T08:00"), utc("2026-11-11T08:00")) == [utc("2026-11-11T08:00")]


@pytest.mark.parametrize(
    ("cron", "zone"),
    [("8 * * *", "UTC"), ("60 8 * * *", "UTC"), ("5-1 8 * * *", "UTC"), ("* 8 * FOO *", "UTC"), ("0 8 * * *", "Mars/Base"),
     ("*/0 8 * * *", "UTC"), ("0 8 0 * *", "UTC"), ("0 8 * * *", "../etc/passwd"), ("0-60 8 * * *", "UTC"),
     ("0 8 * * * *", "UTC")],
)  # fmt: skip
def test_what_is_not_understood_is_refused(cron: str, zone: str) -> None:
    assert not is_read(cron, zone)
    with pytest.raises(ValueError):  # noqa: PT011 (the words are those of several)
        times(cron, zone, 0.0, WEEK)
    with pytest.raises(ApiError):
        Recurrence(cron, zone)


@pytest.mark.parametrize(
    ("cron", "zone", "why"),
    [("60 8 * * *", "UTC", "'60' is not from 0 to 59"), ("5-1 8 * * *", "UTC", "'5-1' is empty"),
     ("0 8 * * *", "Mars/Base", "time zone Mars/Base is not known")],
)  # fmt: skip
def test_a_refusal_says_why(cron: str, zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        times(cron, zone, 0.0, WEEK)
