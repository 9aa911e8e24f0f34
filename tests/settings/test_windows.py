from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.settings.kinds import Wrong
from tasks.settings.windows import WindowText, ZoneText, open_window, window_of

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def is_open(window: str, text: str, zone: str = BERLIN) -> bool:
    return open_window((window,), zone, at(text, zone)) is not None


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (
            "Fri 16:00 - Mon 08:00",
            ["2026-11-27 16:00", "2026-11-29 12:00", "2026-11-30 07:59"],
            ["2026-11-27 15:59", "2026-11-30 08:00"],
        ),
        ("Sat - Sun", ["2026-11-28 00:00", "2026-11-29 23:59"], ["2026-11-27 23:59", "2026-11-30 00:00"]),
        ("Monday 09:00 - Mon 10:00", ["2026-11-30 09:30"], ["2026-11-30 10:00", "2026-12-01 09:30"]),
        ("22:00 - 06:00", ["2026-11-27 22:00", "2026-11-28 05:59"], ["2026-11-27 21:59", "2026-11-28 06:00"]),
        ("09:00 - 24:00", ["2026-11-27 23:59"], ["2026-11-27 08:59", "2026-11-28 00:00"]),
        ("2026-12-20 - 2027-01-06", ["2026-12-20 00:00", "2027-01-06 23:59"], ["2026-12-19 23:59", "2027-01-07 00:00"]),
        (
            "2026-12-20 18:00 - 2026-12-20 20:00",
            ["2026-12-20 18:00"],
            ["2026-12-20 17:59", "2026-12-20 20:00", "2027-12-20 18:30"],
        ),
    ],
)
def test_a_window_begins_and_ends_to_the_minute(window: str, inside: list[str], outside: list[str]) -> None:
    assert all(is_open(window, text) for text in inside) and not any(is_open(window, text) for text in outside)


def test_the_time_zone_counts_and_so_does_summer_time() -> None:
    moment = at("2026-11-27 15:30", "UTC")  # 16:30 in Berlin
    found = open_window(("12:00 - 13:00", "Fri 16:00 - Mon 08:00"), BERLIN, moment)
    assert found is not None and (str(found[0]), found[1]) == ("Fri 16:00 - Mon 08:00", "Fri 2026-11-27 16:30 CET")
    assert open_window(("Fri 16:00 - Mon 08:00",), "UTC", moment) is None
    assert open_window(("Fri 16:00 - Mon 08:00",), BERLIN, at("2026-07-03 14:30", "UTC")) is not None  # CEST: an hour earlier


@given(st.floats(0, 4e9), st.sampled_from(["Fri 16:00 - Mon 08:00", "22:00 - 06:00", "Sat - Sun"]))
def test_a_window_and_what_it_leaves_out_cover_every_moment(now: float, window: str) -> None:
    rest = {"Fri 16:00 - Mon 08:00": "Mon 08:00 - Fri 16:00", "22:00 - 06:00": "06:00 - 22:00", "Sat - Sun": "Mon - Fri"}
    assert (open_window((window,), BERLIN, now) is None) != (open_window((rest[window],), BERLIN, now) is None)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Fri 16:00-Mon 08:00", "with blanks around the dash"),
        ("Fri 16:00 - 08:00", "the same on both sides"),
        ("Foo - Bar", "Foo is no day of the week"),
        ("2026-02-30 - 2026-03-01", "2026-02-30 is no date"),
        ("2026-12-20 - 2026-12-01", "its end is not after its begin"),
        ("09:00 - 09:00", "its end is not after its begin"),
        ("09:00 - 24:30", "24:30 is no time of the day"),
        ("25:00 - 26:00", "the same on both sides"),
    ],
)
def test_what_is_no_window_is_wrong(text: str, hint: str) -> None:
    with pytest.raises(Wrong) as caught:
        WindowText().read(text)
    assert hint in str(caught.value)


def test_a_time_zone_must_be_known() -> None:
    assert ZoneText().read(BERLIN) == BERLIN
    for name in ("Europe/Berln", "../etc/passwd", "CET-1"):
        with pytest.raises(Wrong):
            ZoneText().read(name)
    assert window_of("Sat - Sun").cycle == 7 * 1440


@pytest.mark.parametrize("window", ["00:00 - 24:00", "Mon - Sun", "Sat - Fri", "Mon 00:00 - Sun 24:00", "Sun - Sat"])
@given(now=st.floats(0, 4e9))
def test_a_whole_day_and_a_whole_week_are_always_open(window: str, now: float) -> None:
    assert open_window((window,), BERLIN, now) is not None
