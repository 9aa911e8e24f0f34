"""Whether code that contracting migrations would break is still there, by table: a column that is dropped does not come back."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.decisions.rollout.old_code import old_code
from tasks.decisions.rollout.versions import Candidate
from tests.decisions.rollout.fleets import RECORD, new, old, surged

NAMES = ("shop.0004_drop",)
OLD, NEW = "a" * 40, "b" * 40
FIRST = Candidate("1", OLD, "ami-1")
SECOND = Candidate("2", NEW, "ami-2", waiting="shop.0004_drop")
AT_REST = replace(surged(new()), record=None)


def found(live: str = "2", candidates: tuple[Candidate, ...] = (FIRST, SECOND), revision: str = NEW, **fleet: Any) -> Any:
    return old_code(replace(AT_REST, **fleet), candidates, live, NAMES, revision)


def test_where_only_new_code_runs_nothing_is_in_the_way_and_the_old_version_is_named() -> None:
    assert (found().reasons, found().leaving, found().versions) == ((), (), (FIRST,))


@pytest.mark.parametrize(
    ("fleet", "reason"),
    [
        ({"instances": (new(), old())}, f"web: i-1 (InService) runs version {FIRST}"),
        ({"instances": (new(), old(lifecycle="Standby"))}, f"web: i-1 (Standby) runs version {FIRST}"),
        ({"instances": (new(), old(lifecycle="Pending"))}, f"web: i-1 (Pending) runs version {FIRST}"),
        ({"pool": (old(lifecycle="Warmed:Stopped"),)}, f"web: i-1 (Warmed:Stopped) runs version {FIRST}"),
        ({"instances": (new(version="7"),)}, "web: i-9 (InService) runs version 7"),
        ({"instances": (new(version=""),)}, "web: i-9 (InService) runs version unknown"),
        ({"live": "1"}, f"web: it launches version {FIRST}: `ship` or `rollout` first"),
        ({"record": RECORD}, "web: the rollout to version 2 is unfinished: `rollout` ends it"),
    ],
)
def test_what_still_runs_old_code_is_a_reason(fleet: dict[str, Any], reason: str) -> None:
    assert found(**fleet).reasons == (reason,)


def test_what_is_terminating_is_waited_for() -> None:
    leaving = found(instances=(new(), old(lifecycle="Terminating:Wait")))
    assert (leaving.reasons, leaving.leaving) == ((), ("i-1",))


@pytest.mark.parametrize(
    ("candidate", "unfit"),
    [
        (replace(SECOND, revision=OLD), False),  # a later release of code that does without it
        (replace(SECOND, waiting=""), False),  # the release itself, whatever its image says
        (replace(SECOND, revision=OLD, waiting="shop.0003_other"), True),
        (replace(SECOND, revision=None, waiting=""), True),
    ],
)
def test_code_is_old_unless_its_image_says_that_it_does_without(candidate: Candidate, unfit: bool) -> None:
    assert bool(found(candidates=(FIRST, candidate)).reasons) is unfit


@pytest.mark.parametrize("more", [{"exists": False}, {"revision": None}, {"outdated": "b 2026"}])
def test_what_cannot_be_gone_back_to_anyway_needs_no_mark(more: dict[str, Any]) -> None:
    assert found(candidates=(replace(FIRST, **more), SECOND)).versions == ()
