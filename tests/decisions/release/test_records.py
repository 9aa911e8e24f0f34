import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.decisions.release.commits import Commit, read
from tasks.decisions.release.records import Released, value
from tasks.decisions.release.records import read as released
from tasks.decisions.rollout.versions import Candidate, revision_between
from tasks.errors import Refused

DONE = Released("ann@desk", 1_800_000_000.0, 812.0, "3", "4", "ship", "r1")


def test_a_record_comes_back_from_its_tag() -> None:
    assert value(DONE) == "at=1800000000 took=812 from=3 to=4 command=ship run=r1 by=ann@desk"
    assert released(value(DONE)) == DONE and DONE.when == "2027-01-15T08:00:00Z"


@given(st.text(max_size=400))
def test_whoever_the_operator_is_the_tag_takes_it(by: str) -> None:
    text = value(Released(by, 1.0, 2.0, "3", "4"))
    assert len(text) <= 256
    found = released(text)
    assert found is not None and (found.at, found.target) == (1.0, "4")


@pytest.mark.parametrize("text", ["", "served", "at=x took=1", "at=1", "took=5 by=ann"])
def test_what_is_no_record_is_none(text: str) -> None:
    assert released(text) is None


def test_commits_are_read_from_the_log_whatever_their_subject() -> None:
    printed = "a1\0002026-01-02T03:04:05+00:00\0Ann\0Mend | the = shop\0\nb2\0002026-01-01T00:00:00Z\0Bob\0\0\n"
    assert read(printed) == [
        Commit("a1", "2026-01-02T03:04:05+00:00", "Ann", "Mend | the = shop"),
        Commit("b2", "2026-01-01T00:00:00Z", "Bob", ""),
    ]
    assert read("") == read("fatal: bad revision") == []


def test_a_revision_is_found_by_number_or_beginning_also_without_its_image() -> None:
    known = [
        Candidate("3", "abcd" + "0" * 36, "ami-3", exists=False),
        Candidate("2", None, "ami-2"),
        Candidate("1", "abce" + "0" * 36, "ami-1"),
    ]
    assert revision_between(known, "3", "3") == revision_between(known, "3", "ABCD") == "abcd" + "0" * 36
    for wanted, why in (("2", "no release of ours: 2"), ("abc", "no release of ours: abc"), ("9", "no release of ours: 9")):
        with pytest.raises(Refused, match=why):
            revision_between(known, "3", wanted)
    known.append(Candidate("4", "abcd" + "1" * 36, "ami-4"))
    with pytest.raises(Refused, match="ambiguous: abcd"):
        revision_between(known, "3", "abcd")
