"""Which version is meant, by table."""

import re

import pytest

from tasks.decisions.rollout.snapshot import Fleet, FleetInstance
from tasks.decisions.rollout.versions import Candidate, as_outdated, choose, differences, live, previous, revision_between
from tasks.errors import Refused

A, B, C = "aaaa1" + "0" * 35, "aaaa2" + "0" * 35, "1234" + "0" * 36
FOUND = [
    Candidate("9", A, "ami-9"),
    Candidate("8", B, "ami-8", exists=False),
    Candidate("7", None, "ami-7"),
    Candidate("6", C, "ami-6"),
    Candidate("5", A, "ami-5"),
    Candidate("4", A, "ami-4", exists=False),
]


@pytest.mark.parametrize(
    ("now", "to", "chosen"),
    [
        ("9", None, "6"),
        ("6", None, "5"),
        ("9", "7", "7"),
        ("6", "9", "9"),
        ("6", A, "9"),
        ("9", "aaaa1", "9"),
        ("9", "AAAA1", "9"),
        ("9", "1234", "6"),
    ],
)
def test_the_version_that_is_meant(now: str, to: str | None, chosen: str) -> None:
    assert choose(FOUND, now, to).number == chosen


@pytest.mark.parametrize(
    ("now", "to", "said"),
    [
        (
            "5",
            None,
            "no version of ours before 5 has served and has its image still; there are: 9 (aaaa10000000), 7 (not ours), 6",
        ),
        ("9", "99", "no version or revision 99; there are: 7 (not ours), 6 (123400000000), 5 (aaaa10000000)"),
        ("9", "aaa", "no version or revision aaa"),
        ("9", "", "no version or revision ;"),
        (
            "9",
            "aaaa",
            "ambiguous: aaaa matches 9 (aaaa10000000), 8 (aaaa20000000), 5 (aaaa10000000), 4 (aaaa10000000); give more",
        ),
        ("9", "8", "image ami-8 of version 8 (aaaa20000000) is gone; there are: 7"),
        ("9", B, "image ami-8 of version 8"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_the_choices(now: str, to: str | None, said: str) -> None:
    with pytest.raises(Refused, match=re.escape(said)):
        choose(FOUND, now, to)


def test_a_number_comes_before_a_revision_that_begins_alike() -> None:
    assert choose([Candidate("1234", B, "ami-1"), *FOUND], "9", "1234").revision == B


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({}, "5"),
        ({"5": "rolled back 2026-01-02T03:04:05Z"}, "4"),
        ({"5": "failed smoke boot 2026-01-02T03:04:05Z"}, "4"),
        ({"4": "served 2026-01-02T03:04:05Z"}, "4"),
        ({"5": "served 2026-01-02T03:04:05Z", "4": "served 2026-01-01T03:04:05Z"}, "5"),
        ({"5": "rolled back 2026-01-02T03:04:05Z", "4": "rolled back 2026-01-02T03:04:05Z"}, None),
    ],
)
def test_the_one_before_is_one_that_served_and_never_one_that_failed(outcomes: dict[str, str], expected: str | None) -> None:
    found = [Candidate(n, n * 40, f"ami-{n}", outcome=outcomes.get(n, "")) for n in ("6", "5", "4")]
    before = previous(found, "6")
    assert (before.number if before else None) == expected


def test_one_whose_code_the_database_has_left_behind_is_named_where_none_is_left() -> None:
    found = [
        Candidate(number, A, f"ami-{number}", exists=number != "8", outdated=f"release {number}")
        for number in ("10", "9", "8", "7", "6")
    ]
    with pytest.raises(Refused) as refused:
        choose(found, "9", None)
    assert str(refused.value) == (
        "no version of ours before 9 has served and has its image still (version 7 (aaaa10000000): its code needs what "
        "`contract` has taken out of the database (release 7). Bring the database back first, and remove the image's tag "
        "ramped:outdated); there are: no others"
    )


def test_what_others_made_before_an_outdated_version_boots_unknown_code() -> None:
    def made(number: str, revision: str | None, outdated: str = "") -> Candidate:
        return Candidate(number, revision, f"ami-{number}", outdated=outdated)

    found = [made("11", None), made("9", None), made("6", C), made("4", A, "release 4"), made("10", B, "release 10")]
    assert [c.outdated for c in as_outdated(found)] == ["", "release 10", "", "release 4", "release 10"]
    assert as_outdated(found[:3]) == found[:3]


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"InstanceType": "m5.large"}, ["InstanceType m5.large, not t3.small"]),
        ({"InstanceType": "t3.small", "UserData": "c2VjcmV0"}, ["UserData"]),
        ({"InstanceType": "t3.small", "ImageId": "ami-9"}, []),
        ({}, ["InstanceType none, not t3.small"]),
        ({"InstanceType": "t3.small", "BlockDeviceMappings": [{"DeviceName": "/dev/xvda"}]}, []),
        ({"InstanceType": "t3.small", "EbsOptimized": True}, ["EbsOptimized True, not none"]),
        ({"InstanceType": "t3.small", "NetworkInterfaces": [{}]}, ["NetworkInterfaces"]),
        ({"KeyName": "team"}, ["InstanceType none, not t3.small", "KeyName team, not none"]),
    ],
)
def test_what_a_version_of_others_changes_is_told_without_its_secrets(theirs: dict[str, str], said: list[str]) -> None:
    assert differences(theirs, {"InstanceType": "t3.small", "ImageId": "ami-1"}) == said


def test_there_may_be_none_before() -> None:
    assert previous([], "1") is None and previous(FOUND[:3], "7") is None


@pytest.mark.parametrize(
    ("reference", "running", "expected"),
    [
        ("3", ["2", "2"], "3"),
        ("$Latest", ["2", "2", "4"], "2"),
        ("$Default", [], "4"),
        ("$Latest", ["lt-x:9"], "4"),
        ("$Latest", ["9", "10"], "10"),
    ],
)
def test_the_live_version(reference: str, running: list[str], expected: str) -> None:
    members = tuple(FleetInstance(f"i-{n}", "a", "InService", version) for n, version in enumerate(running))
    assert live(Fleet("web", 1, 3, 2, reference, members), "4" if reference.startswith("$") else reference) == expected


def test_the_revision_between_two_releases() -> None:
    assert revision_between(FOUND, "9", "8") == B, "its image need not exist"
    assert revision_between(FOUND, "9", "1234") == C
    for wanted, said in {
        "7": "no release of ours: 7; there are: 7 (not ours), 6 (123400000000), 5 (aaaa10000000)",
        "aaaa": "ambiguous: aaaa; there are: 7",
        "99": "no release of ours: 99; there are: 7",
    }.items():
        with pytest.raises(Refused, match=f"^{re.escape(said)}"):
            revision_between(FOUND, "9", wanted)


def test_without_any_other_there_are_none_to_choose() -> None:
    with pytest.raises(Refused, match=re.escape("there are: no others")):
        choose(FOUND[:2], "9", None)
