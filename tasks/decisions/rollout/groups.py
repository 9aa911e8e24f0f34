"""Several groups in one rollout: none ends before all are ready, and if one fails all are rolled back."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Progress(Enum):
    """The progress of a group's rollout."""

    GOING = "going"
    PAUSED = "paused"  # until the operator confirms
    READY = "ready"  # all new, and waiting for the other groups
    ENDING = "ending"  # all groups were ready: it cleans up, whatever happens now
    OVER = "over"
    BACK = "back"  # being rolled back
    RETURNED = "returned"  # rolled back


_FAILED = (Progress.BACK, Progress.RETURNED)
_ENDED = (Progress.OVER, Progress.RETURNED)


@dataclass(frozen=True)
class Instruction:
    """What a group does next: whether it acts, whether it must not end yet, and why it must roll back."""

    act: bool = True
    hold: bool = False
    stop: str = ""


@dataclass(frozen=True)
class Outcome:
    """How the rollout of a group ended: OVER, RETURNED or PAUSED, and the text for the operator."""

    group: str
    progress: Progress
    text: str


def instruction(group: str, progress: Mapping[str, Progress]) -> Instruction:
    """Return the instruction for one group from the progress of all."""
    own = progress[group]
    others = {name: far for name, far in progress.items() if name != group}
    failed = sorted(name for name, far in others.items() if far in _FAILED)
    if own in _ENDED:
        return Instruction(act=False)
    if own in (Progress.BACK, Progress.ENDING):
        return Instruction()
    if failed:
        return Instruction(stop=f"{failed[0]} is rolled back, and the groups go together")
    if own is Progress.PAUSED:
        return Instruction(act=False)
    behind = [far for far in others.values() if far in (Progress.GOING, Progress.PAUSED)]
    # A group that waits for a paused group has nothing to do either.
    return Instruction(act=own is Progress.GOING or not behind or Progress.GOING in behind, hold=bool(behind))
