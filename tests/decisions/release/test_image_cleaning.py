"""The answers of the program that keeps secrets out of an image."""

import json

import pytest

from tasks.decisions.release.image_cleaning import CleanedFiles, read

ANSWER = {"aside": 7, "dropped": 2, "keys": ["ann@desk"], "frozen": True}


def test_what_was_done_is_one_line_and_what_is_left_one_each() -> None:
    left = {
        "left_out": ["/home/bob/.ssh: it belongs to user 7"],
        "found": [{"path": "/srv/app/.env", "kind": "AWS secret key"}],
        "unscanned": ["/srv/dump.sql: larger than 64 MiB"],
    }
    cleaned = read(json.dumps({**ANSWER, **left, "units": []}))
    assert str(cleaned) == (
        "put 7 aside, dropped 2 caches and leftovers, left out the authorized keys of ann@desk; the file system is frozen"
    )
    assert cleaned.remarks() == [
        "not set aside: /home/bob/.ssh: it belongs to user 7",
        "the image holds /srv/app/.env: AWS secret key",
        "not scanned for secrets: /srv/dump.sql: larger than 64 MiB",
    ]


def test_an_older_program_says_less() -> None:
    assert read(json.dumps(ANSWER)) == CleanedFiles(7, 2, ("ann@desk",), True)
    assert read(json.dumps(ANSWER)).remarks() == []


WRONG = ({"aside": "x"}, {"aside": []}, {"keys": 5}, {"found": 3}, {"left_out": None}, {"aside": float("inf")}, {"frozen": "no"})


@pytest.mark.parametrize("line", ["", "[]", "{}", "refused", '{"aside": 1}', *(json.dumps({**ANSWER, **one}) for one in WRONG)])
def test_anything_else_is_no_answer(line: str) -> None:
    with pytest.raises(ValueError):
        read(line)
