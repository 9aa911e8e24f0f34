"""What a process remembers of its own writes, while AWS answers with older data."""

from dataclasses import replace

import pytest

from tasks.decisions.rollout.memory import SETTLED, Memory
from tasks.decisions.rollout.snapshot import Fleet, FleetInstance
from tasks.decisions.rollout.steps import (
    Abort,
    Advance,
    Begin,
    Empty,
    Forget,
    Lower,
    Point,
    Return,
    Rewrite,
    Step,
    Suspend,
    Terminate,
    TurnBack,
)
from tests.decisions.rollout.fleets import RECORD, new, old, surged

OTHER = replace(RECORD, returned=1)
BUSY = Memory(record=RECORD, dismissed=frozenset({"i-0"}), emptied=frozenset({"w-0"}), version="1", written=5.0)


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        (Begin(OTHER), {"record": OTHER}),
        (TurnBack(OTHER, "bad"), {"record": OTHER}),
        (Advance(OTHER), {"record": OTHER}),
        (Abort(OTHER), {"record": OTHER}),
        (Rewrite(OTHER), {"record": OTHER}),
        (Return(("i-1",), OTHER), {"record": OTHER, "dismissed": frozenset({"i-0", "i-1"}), "written": 9.0}),
        (Empty(("w-1",)), {"emptied": frozenset({"w-0", "w-1"})}),
        (Terminate(("i-1", "i-2")), {"dismissed": frozenset({"i-0", "i-1", "i-2"}), "written": 9.0}),
        (Point("2", 3, 5), {"record": replace(RECORD, surged=True), "version": "2", "written": 9.0}),
        (Lower(OTHER, 2, 4), {"record": OTHER, "written": 9.0}),
        (Forget(), {"record": None, "over": "r"}),
        (Suspend(("AZRebalance",)), {}),
    ],
)
def test_each_write_is_remembered(step: Step, changed: dict[str, object]) -> None:
    assert BUSY.after(step, 9.0) == replace(BUSY, **changed)  # type: ignore[arg-type]


def test_without_a_record_there_is_nothing_to_note_in_it() -> None:
    assert Memory().after(Point("2", 3, 5), 9.0) == Memory(version="2", written=9.0)
    assert Memory().after(Forget(), 9.0) == Memory()


def warm(id: str, lifecycle: str = "Warmed:Stopped") -> FleetInstance:
    return FleetInstance(id, "a", lifecycle, "1")


def test_what_comes_back_by_way_of_the_warm_pool_is_no_longer_dismissed() -> None:
    memory = replace(BUSY, dismissed=frozenset({"i-1", "i-2", "i-3"}))
    fleet = surged(old("i-2", lifecycle="Pending:Wait"), old("i-3"), pool=(warm("i-1"),))
    assert memory.met(fleet) == replace(memory, dismissed=frozenset({"i-3"}))
    assert memory.met(surged(old("i-1"))) == memory


def test_the_record_is_the_newest_that_is_known() -> None:
    def kept() -> None:
        raise AssertionError("the copy is read only where the tags are missing")

    assert Memory(record=OTHER).record_of(RECORD, kept) == (OTHER, False)
    assert Memory(record=OTHER).record_of(None, kept) == (OTHER, True)
    theirs = replace(RECORD, run="theirs")
    assert Memory(record=OTHER).record_of(theirs, kept) == (theirs, False)
    assert Memory().record_of(RECORD, kept) == (RECORD, False)


def test_the_tags_of_a_run_that_is_over_may_be_shown_for_a_while() -> None:
    assert Memory(over="r").record_of(RECORD, lambda: RECORD) == (None, False)
    assert Memory(over="r").record_of(None, lambda: RECORD) == (None, False)
    assert Memory(over="other").record_of(RECORD, lambda: None) == (RECORD, False)


def test_without_tags_the_copy_counts() -> None:
    assert Memory().record_of(None, lambda: RECORD) == (RECORD, True)
    assert Memory().record_of(None, lambda: None) == (None, False)


SHOWN = surged(old("i-1"), new("i-9"), version="2", desired=3)


@pytest.mark.parametrize(
    ("memory", "fleet", "lags"),
    [
        (Memory(written=100.0), SHOWN, False),
        (Memory(written=100.0, dismissed=frozenset({"i-1"})), SHOWN, True),
        (Memory(written=100.0, dismissed=frozenset({"i-1"})), surged(old("i-1", lifecycle="Terminating")), False),
        (Memory(written=100.0, dismissed=frozenset({"i-7"})), SHOWN, False),
        (Memory(written=100.0, version="2"), SHOWN, False),
        (Memory(written=100.0, version="1"), SHOWN, True),
        (Memory(written=100.0, record=replace(RECORD, lowering=3)), SHOWN, True),
        (Memory(written=100.0, record=replace(RECORD, lowering=4)), SHOWN, False),
        (Memory(written=100.0, record=replace(RECORD, lowering=1)), replace(SHOWN, desired=1), True),
        (Memory(written=100.0, record=replace(RECORD, lowering=-3)), SHOWN, True),
        (Memory(written=100.0, record=replace(RECORD, lowering=-3)), replace(SHOWN, maximum=4), False),
        (Memory(written=100.0, record=RECORD), replace(SHOWN, desired=0), False),
    ],
)
def test_an_answer_lags_while_it_contradicts_what_was_written(memory: Memory, fleet: Fleet, lags: bool) -> None:
    assert memory.lags(fleet, 100.0 + SETTLED) is lags
    assert memory.lags(fleet, 100.1 + SETTLED) is False, "by then it is another user's change"


def test_what_was_terminated_is_leaving_whatever_is_shown() -> None:
    memory = Memory(dismissed=frozenset({"i-1"}), emptied=frozenset({"w-1", "i-9"}))
    fleet = surged(old("i-1"), old("i-2"), new("i-9"), pool=(warm("w-1"), warm("w-2")), excused=frozenset({"i-5"}))
    whole = memory.complete(fleet)
    assert {i.id: i.lifecycle for i in whole.instances} == {"i-1": "Terminating", "i-2": "InService", "i-9": "Terminating"}
    assert {i.id: i.lifecycle for i in whole.pool} == {"w-1": "Warmed:Terminating", "w-2": "Warmed:Stopped"}
    assert whole.excused == {"i-1", "i-5", "i-9", "w-1"}
    leaving = surged(old("i-1", lifecycle="Terminating:Wait"))
    assert memory.complete(leaving).instances == leaving.instances, "what is shown already stays as it is shown"


@pytest.mark.parametrize("step", [Return(("i-1", "i-2"), OTHER), Terminate(("i-1", "i-2"))])
def test_of_a_rejected_step_what_was_made_counts(step: Step) -> None:
    """What was rejected may have gone by itself, and gave nothing back."""
    assert BUSY.rejected(step, (), OTHER, 9.0) == BUSY
    assert Memory().rejected(step, (), OTHER, 9.0) == Memory(record=OTHER), "the tags name a step that was not made"
    after = BUSY.rejected(step, ("i-1",), None, 9.0)
    assert (after.dismissed, after.written) == (BUSY.dismissed | {"i-1"}, 9.0)
    assert after.record == (replace(OTHER, returning=("i-1",)) if isinstance(step, Return) else RECORD)
