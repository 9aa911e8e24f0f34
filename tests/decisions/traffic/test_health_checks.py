"""What a health check means: times, differences, and the groups that would replace what merely boots."""

from dataclasses import dataclass, replace

import pytest

from tasks.decisions.traffic.health_checks import Check, Life, changes, lives, warnings

MISSION = Check("HTTP", "80", "/health_check/www.example.com", "200", 30, 5, 2, 3)
SICK = "At 12:00 an instance was taken out of service in response to an ELB system health check failure."


@dataclass(frozen=True)
class Activity:
    description: str
    started: float = 0.0
    ended: float | None = None
    status: str = "Successful"
    cause: str = ""


def test_the_missions_values_detect_in_a_minute_and_recover_in_a_minute_and_a_half() -> None:
    assert (MISSION.detects, MISSION.recovers) == (60, 90)


def test_a_silence_of_half_a_minute_is_forgiven() -> None:
    assert Check("HTTP", "80", "/", "200", interval=30, timeout=5, failures=2, successes=3).forgiven == 35


def test_changes_are_those_that_differ() -> None:
    assert changes(MISSION, MISSION) == []
    other = replace(MISSION, path="/", interval=10)
    assert changes(other, MISSION) == [("path", "/", MISSION.path), ("interval", "10", "30")]


def test_a_life_is_read_from_launch_and_replacement() -> None:
    known = lives(
        [
            Activity("Terminating EC2 instance: i-0a", 130.0, 140.0, cause=SICK),
            Activity("Terminating EC2 instance: i-0b", 50.0, 60.0, cause="a user request"),
            Activity("Launching a new EC2 instance: i-0b", 5.0, 35.0),
            Activity("Launching a new EC2 instance: i-0a", 0.0, 20.0),
            Activity("Launching a new EC2 instance: i-0c", 0.0, None, "InProgress"),
            Activity("Launching a new EC2 instance.  Status Reason: no capacity", 0.0, 1.0, "Failed"),
        ]
    )
    assert sorted(known, key=lambda one: one.id) == [Life("i-0a", 20.0, 130.0), Life("i-0b", 30.0, None)]


@pytest.mark.parametrize(
    ("health_type", "grace", "seen", "booting", "told"),
    [
        ("EC2", 0, [Life("i-0a", 500.0, 510.0)], [], []),
        ("ELB", 300, [Life("i-0a", 40.0, None)], [], []),
        ("ELB", 300, [Life("i-0a", 40.0, 90000.0)], [100.0], []),
        ("ELB", 0, [Life("i-0a", 40.0, None)], [], ["needs more than 60 s"]),
        ("EC2,ELB", 60, [Life("i-0a", 100.0, None)], [], ["booting has taken 100 s.* 60 s in service.*to 210 or more"]),
        ("ELB", 120, [], [130.0], ["booting has taken 130 s.*to 270 or more"]),
        ("ELB", 120, [Life("i-0a", 30.0, 170.0)], [], ["1 were replaced soon after .*i-0a after 170 s"]),
    ],
)
def test_warnings(health_type: str, grace: int, seen: list[Life], booting: list[float], told: list[str]) -> None:
    import re

    found = list(warnings(MISSION, health_type, grace, seen, booting))
    assert len(found) == len(told), found
    assert all(re.search(pattern, line) for pattern, line in zip(told, found, strict=True)), found
