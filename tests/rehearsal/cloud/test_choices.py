"""Which zone gets the next instance, and which instance goes: the rules alone."""

import random

import pytest

from rehearsal.cloud.scaling.choices import emptiest_zone, imbalance, victim
from rehearsal.cloud.scaling.state import Member, TemplateRef

NOW = 10_000.0


def member(
    name: str, zone: str = "a", version: int = 1, launched: float = 0.0, template: str = "lt-1", **more: bool | str
) -> Member:
    made = Member(name, zone, TemplateRef(template, "web", str(version)), "t3.small", launched, "InService")
    for key, value in more.items():
        setattr(made, key, value)
    return made


def goes(members: list[Member], *policies: str) -> str | None:
    chosen = victim(members, policies or ("Default",), "lt-1", NOW, random.Random(1))
    return chosen.id if chosen else None


def test_the_emptiest_zone_gets_the_next() -> None:
    assert emptiest_zone(["a", "b", "c"], [member("1", "a"), member("2", "c")]) == "b"


def test_imbalance_is_the_difference_of_fullest_and_emptiest() -> None:
    assert imbalance(["a", "b"], [member("1"), member("2"), member("3")]) == 3
    assert imbalance(["a", "b"], [member("1"), member("2", "b")]) == 0


def test_zones_outrank_the_policy_so_a_new_instance_may_go() -> None:
    members = [member("old", "a", version=1), member("new1", "b", version=2), member("new2", "b", version=2, launched=5)]
    assert goes(members, "OldestLaunchTemplate") in ("new1", "new2")


def test_in_balance_the_oldest_template_goes_by_default() -> None:
    assert goes([member("new", "a", version=2), member("old", "b", version=1)]) == "old"


def test_an_instance_of_another_template_is_older_than_all() -> None:
    assert goes([member("1", version=1), member("other", version=9, template="lt-2")], "OldestLaunchTemplate") == "other"


@pytest.mark.parametrize(("policy", "gone"), [("OldestInstance", "first"), ("NewestInstance", "last")])
def test_age_decides_where_the_policy_says_so(policy: str, gone: str) -> None:
    assert goes([member("first", launched=1), member("last", launched=2)], policy) == gone


def test_the_instance_closest_to_its_next_hour_goes() -> None:
    fresh, nearly = member("fresh", launched=NOW - 3700), member("nearly", launched=NOW - 3590)
    assert goes([fresh, nearly], "ClosestToNextInstanceHour") == "nearly"


def test_policies_narrow_one_after_the_other() -> None:
    members = [member("a", version=1, launched=1), member("b", version=1, launched=2), member("c", version=2, launched=0)]
    assert goes(members, "OldestLaunchTemplate", "NewestInstance") == "b"


def test_protected_ones_stay_and_their_zone_is_passed_over() -> None:
    members = [member("1", "a", protected=True), member("2", "a", protected=True), member("3", "b")]
    assert goes(members) == "3"


def test_if_all_are_protected_nothing_goes() -> None:
    assert goes([member("1", protected=True)]) is None


def test_an_unhealthy_one_bypasses_zones_and_policies() -> None:
    members = [member("1", "a"), member("2", "a"), member("sick", "b", health="Unhealthy", version=9)]
    assert goes(members) == "sick"
