"""Several groups in one rollout: none is over before all are there, and one that fails takes the others back with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Standing(Enum):
    """How far a group is."""

    GOING = "going"
    PAUSED = "paused"  # until somebody says so
    THERE = "there"  # all new, and waiting for the others
    ENDING = "ending"  # all are there: it tidies up, whatever happens now
    OVER = "over"
    BACK = "back"  # being rolled back
    RETURNED = "returned"  # rolled back


_FAILED = (Standing.BACK, Standing.RETURNED)
_ENDED = (Standing.OVER, Standing.RETURNED)


@dataclass(frozen=True)
class Orders:
    """What a group does next: whether it acts at all, whether it may end, and why it has to turn back."""

    act: bool = True
    hold: bool = False
    stop: str = ""


def orders(group: str, standings: Mapping[str, Standing]) -> Orders:
    """Return what follows for one group from how far all of them are."""
    own = standings[group]
    others = {name: standing for name, standing in standings.items() if name != group}
    failed = sorted(name for name, standing in others.items() if standing in _FAILED)
    if own in _ENDED:
        return Orders(act=False)
    if own in (Standing.BACK, Standing.ENDING):
        return Orders()
    if failed:
        return Orders(stop=f"{failed[0]} is rolled back, and the groups go together")
    if own is Standing.PAUSED:
        return Orders(act=False)
    behind = [standing for standing in others.values() if standing in (Standing.GOING, Standing.PAUSED)]
    # Whoever waits for one that waits for a word has nothing to do either.
    return Orders(act=own is Standing.GOING or not behind or Standing.GOING in behind, hold=bool(behind))
