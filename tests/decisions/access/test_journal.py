"""Entries of journalctl's JSON; the real program prints them in tests/operations/test_logs.py."""

import json

import pytest

from tasks.decisions.access.journal import Entry, read

AT = {"__REALTIME_TIMESTAMP": "1700000000123456"}


def test_an_entry_shows_time_program_and_each_line() -> None:
    line = json.dumps({**AT, "SYSLOG_IDENTIFIER": "gunicorn", "_PID": "7", "_SYSTEMD_UNIT": "shop.service", "MESSAGE": "a\nb"})
    entry = read(line)
    assert entry == Entry(1700000000123456, "gunicorn[7]", "shop.service", "a\nb")
    assert entry.lines == ["2023-11-14 22:13:20.123 gunicorn[7]: a", "2023-11-14 22:13:20.123 gunicorn[7]: b"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("[2023-11-14 22:13:20 +0000] [7] [INFO] Booting", "[7] [INFO] Booting"),
        ("[2023-11-15 03:58:19 +0545] [7] Booting", "[7] Booting"),
        ("2023-11-14 23:13:20,123 WARNING slow", "WARNING slow"),
        ("2023-11-14T22:13:19.9Z slow", "slow"),
        ("[2023-11-14T17:13:21-05:00]: behind", "behind"),
        ("2023-11-14 22:13:20 UTC of a database", "of a database"),
        ("2023-11-14 22:13:19 of a log", "of a log"),
        ("2023-11-15 12:13:20,1 the first to wake", "the first to wake"),
        ("2023-11-14 10:13:20.1 the last", "the last"),
        ("2023-11-15 12:28:20,1 in no zone", "2023-11-15 12:28:20,1 in no zone"),
        ("2023-11-14 09:58:20,1 in no zone", "2023-11-14 09:58:20,1 in no zone"),
        ("2023-11-14 23:13:20 is the next run", "2023-11-14 23:13:20 is the next run"),
        ("2021-11-14 22:13:20 is the start of a lease", "2021-11-14 22:13:20 is the start of a lease"),
        ("2023-11-14 23:13:20 UTC is the end", "2023-11-14 23:13:20 UTC is the end"),
        ("2023-11-14T22:28:20Z is the next run", "2023-11-14T22:28:20Z is the next run"),
        ("[2023-11-14 22:13:20 +0100] of an hour ago", "[2023-11-14 22:13:20 +0100] of an hour ago"),
        ("2023-11-14 22:13:20 +0199 no zone", "+0199 no zone"),
        ("2023-11-14 22:12:00 of another time", "2023-11-14 22:12:00 of another time"),
        ("[2023-11-14 22:13:20 unclosed", "[2023-11-14 22:13:20 unclosed"),
        ("2023-13-99 22:13:20 no time", "2023-13-99 22:13:20 no time"),
        ("2023-11-14 22:13:20", "2023-11-14 22:13:20"),
    ],
)
def test_the_time_is_shown_once(message: str, shown: str) -> None:
    assert Entry(1700000000123456, "gunicorn[7]", "shop.service", message).lines == [
        f"2023-11-14 22:13:20.123 gunicorn[7]: {shown}"
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (list("ü\x1b[1m".encode()), "ü\x1b[1m"),
        ([255, 104], "\ufffdh"),
        (["twice", "said"], "twice\nsaid"),
        (None, "(too long for the journal's JSON)"),
        ("", ""),
    ],
)
def test_messages_that_are_no_plain_text(value: object, message: str) -> None:
    entry = read(json.dumps({**AT, "MESSAGE": value}))
    assert entry is not None
    assert entry.message == message
    assert entry.lines


@pytest.mark.parametrize("line", ["", "-- No entries --", "Hint: You are", "{}", "[1]", "3", '{"__REALTIME_TIMESTAMP": null}'])
def test_what_is_no_entry_is_none(line: str) -> None:
    assert read(line) is None
