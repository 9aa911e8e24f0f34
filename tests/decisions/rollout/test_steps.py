"""How the steps are printed: what an operator reads while a rollout runs."""

from dataclasses import replace

import pytest

from tasks.decisions.rollout.steps import (
    Abort,
    Advance,
    Begin,
    Copy,
    Done,
    Empty,
    Forget,
    Hold,
    Lower,
    Pause,
    Point,
    Protect,
    RestoreMax,
    Resume,
    Retire,
    Return,
    Rewrite,
    Step,
    Stop,
    Suspend,
    Terminate,
    TurnBack,
    Unprotect,
    Wait,
)
from tests.decisions.rollout.fleets import RECORD

TWO = ("i-1", "i-2")


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(), "step"),
        (Begin(RECORD), "record run r: version 1 to 2, surge 1"),
        (Rewrite(RECORD), "write the tags of run r again: they are missing"),
        (Suspend(("A", "B")), "suspend A, B"),
        (Point("2", 3, 5), "point the group at version 2, desired 3, max 5"),
        (Protect(TWO), "protect i-1, i-2 from scale-in"),
        (Terminate(TWO), "terminate i-1, i-2; the group replaces them"),
        (Terminate(TWO[:1]), "terminate i-1; the group replaces it"),
        (Return(TWO, RECORD), "terminate i-1, i-2 and lower desired by 2: the surge is given back"),
        (Lower(RECORD, 3, 5), "lower desired to 3, max 5: the surge is given back"),
        (Empty(TWO), "terminate i-1, i-2 in the warm pool, of another version; the group fills it up again"),
        (Retire(TWO), "terminate i-1, i-2 in standby, of another version"),
        (Unprotect(TWO), "unprotect i-1, i-2"),
        (Resume(("A", "B")), "resume A, B"),
        (RestoreMax(4), "set max back to 4"),
        (Forget(), "drop the run's tags"),
        (Advance(replace(RECORD, passed=1)), "go on: 1 of 2 new instances have been looked at"),
        (Copy("1", "r"), "copy version 1 to a new one, so that $Latest is good again"),
        (Wait("boots"), "boots"),
        (Hold("ready"), "ready"),
        (TurnBack(RECORD, "bad"), "roll back to version 1: bad"),
        (Abort(RECORD), "abort the rollout to version 2: the surge and the settings go back, the instances stay"),
        (Stop("late"), "late"),
        (Pause("look"), "look"),
        (Done("over"), "over"),
    ],
)
def test_a_step_is_one_line(step: Step, text: str) -> None:
    assert str(step) == text
