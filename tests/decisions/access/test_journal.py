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
