"""The record of a run, to tags and back."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.decisions.rollout.record import MAIN, MOST_RETURNING, RETURNING, from_tags, to_tags
from tasks.decisions.rollout.snapshot import Record

small = st.integers(0, 99_999)
records = st.builds(
    Record,
    run=st.text("0123456789abcdef", min_size=8, max_size=8),
    source=st.integers(1, 99_999).map(str),
    target=st.integers(1, 99_999).map(str),
    surge=small,
    maximum=small,
    raised=small,
    started=st.integers(0, 9_999_999_999).map(float),
    size=small,
    desired=small,
    suspended=st.lists(st.sampled_from(["AZRebalance", "ScheduledActions"]), unique=True).map(tuple),
    protect=st.booleans(),
    pointed=st.booleans(),
    latest=st.booleans(),
    surged=st.booleans(),
    back=st.booleans(),
    extra=st.integers(-9999, 9999),
    returned=small,
    aborted=st.booleans(),
    passed=small,
    lowering=st.integers(-99_999, 99_999),
    returning=st.lists(st.text("0123456789abcdef", min_size=17, max_size=17).map("i-{}".format), max_size=MOST_RETURNING).map(
        tuple
    ),
)


LARGEST = Record(
    "01234567",
    source="99999",
    target="99999",
    surge=99_999,
    maximum=99_999,
    raised=99_999,
    started=9_999_999_999.0,
    size=99_999,
    desired=99_999,
    suspended=("AZRebalance", "ScheduledActions"),
    protect=True,
    pointed=True,
    latest=True,
    surged=True,
    back=True,
    aborted=True,
    extra=-9_999,
    returned=99_999,
    returning=("i-0123456789abcdef0",) * MOST_RETURNING,
    passed=99_999,
    lowering=-99_999,
)


@example(LARGEST)
@given(records)
def test_a_record_survives_its_tags_and_fits_into_them(record: Record) -> None:
    """The limits are those of "Tag Auto Scaling groups": 256 characters, letters, digits, spaces and + - = . _ : / @."""
    tags = to_tags(record)
    assert from_tags(tags) == record
    assert all(len(value) <= 256 for value in tags.values())
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 +-=._:/@")
    assert all(set(value) <= allowed and set(key) <= allowed for key, value in tags.items())


def test_parts_of_a_second_are_cut_off() -> None:
    record = Record("r", "1", "2", 1, 4, 5, 1234.9)
    assert from_tags(to_tags(record)) == replace(record, started=1234.0)


def test_a_name_may_hold_what_separates_the_parts_of_a_field() -> None:
    record = Record("a=b=c", "1", "2", 1, 4, 5, 0.0)
    assert from_tags(to_tags(record)) == record


def test_other_tags_are_no_record() -> None:
    assert from_tags({"Name": "web", RETURNING: "i-1"}) is None


def test_a_record_without_the_second_tag_returns_nothing() -> None:
    tags = to_tags(Record("r", "1", "2", 1, 4, 5, 0.0, returning=("i-1",)))
    del tags[RETURNING]
    found = from_tags(tags)
    assert found is not None and found.returning == ()


def test_the_record_of_an_older_version_is_continued() -> None:
    old = (
        "run=r from=1 to=2 surge=1 max=4 raised=5 started=9 size=3 desired=3 suspended=AZRebalance protect=1 pointed=0 {} "
        "extra=0 returned=1"
    )
    record = Record("r", "1", "2", 1, 4, 5, 9.0, size=3, desired=3, suspended=("AZRebalance",), returned=1)
    assert from_tags({MAIN: old.format("back=0")}) == record
    assert from_tags(
        {MAIN: old.format("back=1 latest=1 surged=1 aborted=1 passed=2 lowering=7").replace("protect=1", "protect=0")}
    ) == (replace(record, protect=False, back=True, latest=True, surged=True, aborted=True, passed=2, lowering=7))


@pytest.mark.parametrize("text", ["", "run=1", "run", "run=1 from=1 to=2 surge=many"])
def test_an_edited_record_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        from_tags({MAIN: text})


def test_what_was_edited_is_shown() -> None:
    whole = to_tags(Record("r", "1", "2", 1, 4, 5, 0.0))[MAIN]
    with pytest.raises(ValueError, match="^tag ramped:rollout: surge is 'many'$"):
        from_tags({MAIN: whole.replace("surge=1", "surge=many")})


def test_a_missing_part_is_named() -> None:
    whole = to_tags(Record("r", "1", "2", 1, 4, 5, 0.0))[MAIN]
    for part in ("surge", "flags"):
        with pytest.raises(ValueError, match=f"tag ramped:rollout: '{part}' is missing"):
            from_tags({MAIN: whole.replace(f"{part}=", "other=")})
