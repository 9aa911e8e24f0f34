"""A lane for each instance of a rollout: what it was, from when to when; and the capacity beside the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..rollout.snapshot import Fleet, FleetInstance

# State -> what it means, in the order of an instance's life.
STATES = {
    "launched": "launched by the group, not in service yet",
    "booting": "in service, not healthy in every target group yet",
    "healthy": "serves visitors",
    "standby": "out of traffic, kept by hand",
    "draining": "leaves: open requests are completed",
    "gone": "terminated",
}


@dataclass(frozen=True)
class Seen:
    """An instance in one poll."""

    id: str
    zone: str
    version: str
    state: str


@dataclass(frozen=True)
class Frame:
    """A group in one poll: `at` in epoch seconds, `desired` its capacity."""

    at: float
    desired: int
    instances: tuple[Seen, ...]

    @property
    def healthy(self) -> int:
        """Return how many serve."""
        return sum(seen.state == "healthy" for seen in self.instances)


@dataclass(frozen=True)
class Span:
    """A state from one time to another, in epoch seconds."""

    state: str
    begin: float
    end: float


@dataclass(frozen=True)
class Lane:
    """The life of an instance, as far as it was seen."""

    id: str
    zone: str
    version: str
    spans: tuple[Span, ...]


def frame(fleet: Fleet, at: float) -> Frame:
    """Return a group as it was seen at a time."""
    return Frame(at, fleet.desired, tuple(Seen(i.id, i.zone, i.version, state(i)) for i in fleet.instances))


def state(instance: FleetInstance) -> str:
    """Return the state of an instance, one of STATES."""
    if instance.leaving or "draining" in instance.targets:
        return "draining"
    if "Standby" in instance.lifecycle:
        return "standby"
    if instance.ready:
        return "healthy"
    return "booting" if instance.lifecycle == "InService" else "launched"


def lanes(frames: Sequence[Frame], end: float) -> list[Lane]:
    """Return the lanes of a group, in the order in which instances appeared; `end`: when the last frame stopped to hold."""
    first: dict[str, Seen] = {}
    spans: dict[str, list[Span]] = {}
    for number, shown in enumerate(frames):
        until = frames[number + 1].at if number + 1 < len(frames) else max(end, shown.at)
        there = {seen.id: seen for seen in shown.instances}
        first = {**there, **first}
        for id in first:
            seen = there.get(id)
            _extend(spans.setdefault(id, []), seen.state if seen else "gone", shown.at, until)
    order = [seen.id for shown in frames for seen in shown.instances]
    return [Lane(id, first[id].zone, first[id].version, tuple(spans[id])) for id in dict.fromkeys(order)]


def _extend(spans: list[Span], state: str, begin: float, until: float) -> None:
    if spans and spans[-1].state == state:
        spans[-1] = Span(state, spans[-1].begin, until)
    else:
        spans.append(Span(state, begin, until))


def floor(frames: Sequence[Frame]) -> int:
    """Return the capacity that must not be fallen below: what served at the beginning, at most the desired capacity."""
    return min(frames[0].healthy, frames[0].desired) if frames else 0


def least(frames: Sequence[Frame]) -> int:
    """Return the fewest instances that served at any poll."""
    return min((shown.healthy for shown in frames), default=0)


# A letter for each state on a terminal, where colours may be missing.
_LETTERS = {"launched": ".", "booting": "-", "healthy": "=", "standby": "s", "draining": "~", "gone": " "}
LEGEND = ", ".join(f"{letter} {state}" for state, letter in _LETTERS.items() if letter != " ")
_SHORTEST = 10  # columns of a lane


def drawn(frames: Sequence[Frame], end: float, columns: int, rows: int) -> list[str]:
    """Return the lanes as lines of text of at most so many columns and rows; `end` in epoch seconds.

    Where there are more instances than rows, those that changed last are shown, and the others are counted.
    """
    found = lanes(frames, end)
    if not found:
        return []
    shown = found
    if len(found) > rows:
        latest = sorted(found, key=lambda lane: lane.spans[-1].begin, reverse=True)[: rows - 1]
        shown = [lane for lane in found if lane in latest]
    labels = [f"{lane.id} {lane.version}" for lane in shown]
    widest = max(map(len, labels))
    width = max(_SHORTEST, columns - widest - 2)
    begin = frames[0].at
    lines = [
        f"{label.ljust(widest)}  {_bar(lane, begin, end, width)}".rstrip() for label, lane in zip(labels, shown, strict=True)
    ]
    rest = [lane.spans[-1].state for lane in found if lane not in shown]
    if rest:
        lines.append("and " + ", ".join(f"{rest.count(name)} {name}" for name in STATES if name in rest))
    return lines


def _bar(lane: Lane, begin: float, end: float, width: int) -> str:
    step = (end - begin) / width or 1.0
    bar = [" "] * width
    for span in lane.spans:
        # Every state that lasted is seen, however short.
        first, last = int((span.begin - begin) / step), int((span.end - begin) / step)
        for column in range(first, max(first + 1, last)):
            if column < width:
                bar[column] = _LETTERS[span.state]
    return "".join(bar)
