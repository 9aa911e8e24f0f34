"""Histories that Hypothesis makes, and a group under watch that lives through them."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from tasks.decisions.rollout.steps import Done
from tests.decisions.rollout.model import Group, Operator

sizes = st.fixed_dictionaries(
    {
        "desired": st.integers(0, 6),
        "below": st.integers(0, 3),
        "above": st.integers(0, 3),
        "surge": st.integers(1, 4),
        "batch": st.integers(1, 3),
        "boot": st.sampled_from([3.0, 20.0, 60.0]),
        "drain": st.sampled_from([0.0, 10.0, 100.0]),
    }
)
# A turn makes up to five writes: the process dies after so many, or (-1: after none) AWS rejects the next.
crashes = st.lists(st.none() | st.integers(-6, 5), max_size=40)
events = st.lists(
    st.tuples(st.sampled_from(["quiet", "quiet", "kill", "out", "in", "flap", "crash", "reject", "dry"]), st.integers(0, 9)),
    max_size=60,
)


@dataclass
class World:
    """A group under watch: every kill and every size is checked as it happens."""

    group: Group
    surge: int
    own: int  # the group's own desired capacity, with what the adversary made of it
    longest: float = 200.0  # without capacity, in seconds
    took: int = 0  # old or new, dead or scaled in by the adversary
    maximum: int = field(init=False)

    def __post_init__(self) -> None:
        self.maximum = self.group.maximum
        terminate = self.group.terminate

        def watched(id: str, *, decrement: bool) -> None:
            box = self.group.boxes.get(id)
            served = box is not None and box.serves(self.group.now)
            terminate(id, decrement=decrement)
            if served:
                assert self.group.serving() >= self.own, "capacity\n" + self.story()

        self.group.terminate = watched  # type: ignore[method-assign]
        self._watch_lower()

    def _watch_lower(self) -> None:
        lower = self.group.lower

        def watched(desired: int, maximum: int) -> None:
            before = self.group.serving()
            lower(desired, maximum)
            # Whoever scaled in more than the group's own took the surge, of which nothing is left.
            self.own = max(self.group.minimum, self.own)
            assert self.group.serving() >= min(before, self.own), "capacity, by lowering desired\n" + self.story()

        self.group.lower = watched  # type: ignore[method-assign]

    def story(self) -> str:
        return "\n".join(self.group.log[-25:])

    def disturb(self, kind: str, number: int) -> None:
        group = self.group
        group.log.append(f"{group.now:6.0f} adversary: {kind} {number}")
        boxes = group.members()
        if group.record is None:
            # Whoever scaled in more than the group's own took the surge, of which nothing is left.
            self.own = max(group.minimum, self.own)
        if kind in ("kill", "flap") and boxes:
            box = boxes[number % len(boxes)]
            if kind == "flap":
                box.sick_until = group.now + 30
            else:
                del group.boxes[box.id]
                group.died.add(box.id)
                self.took += 1
        elif kind == "aside" and boxes:
            # EnterStandby without decrement: the group launches a replacement.
            boxes[number % len(boxes)].aside = True
            self.took += boxes[number % len(boxes)].weight
        elif kind == "return" and (aside := [b for b in group.boxes.values() if b.aside and b.leaves is None]):
            box = aside[number % len(aside)]
            # ExitStandby raises desired. What uses the max that a rollout has raised keeps that max; so it stays within its own.
            if self.own + box.weight <= self.maximum:
                box.aside, box.launched, box.serves_from = False, group.now, max(box.serves_from, group.now + box.pending)
                group.desired, self.own = group.desired + box.weight, self.own + box.weight
        elif kind == "dry" and group.now > group.dry_until + 100:
            group.dry_until = group.now + min(45 * number, self.longest)
        elif kind == "out":
            more = min(group.maximum, group.desired + 1 + number % 2) - group.desired
            group.desired, self.own = group.desired + max(0, more), self.own + max(0, more)
        elif kind == "in":
            less = max(0, group.desired - max(group.minimum, group.desired - 1 - number % 2))
            group.desired, self.own, self.took = group.desired - less, self.own - less, self.took + less
        group.reconcile()

    def check(self) -> None:
        assert self.group.desired <= self.own + max(self.surge, self.group.observe().least_surge), "bounded\n" + self.story()


def world(numbers: dict, **more: object) -> World:
    desired = numbers["desired"]
    group = Group.settled(max(0, desired - numbers["below"]), desired + numbers["above"], desired, **more)
    group.boot, group.drain = numbers["boot"], numbers["drain"]
    return World(group, numbers["surge"], desired)


def assert_clean(w: World) -> None:
    group = w.group
    assert not group.suspended and group.record is None, w.story()
    assert not any(b.protected for b in group.members()), w.story()
    assert group.maximum == w.maximum or group.desired > w.maximum, w.story()


def writes(kind: str, number: int) -> int | None:
    """Return what an event means for a turn of the operator."""
    return number % 6 if kind == "crash" else -1 - number % 6 if kind == "reject" else None


def disturbed(w: World, operator: Operator, disturbances: list) -> None:
    """Go on to the end, with a disturbance, a crash or a rejected call before each of the first steps."""
    for kind, number in disturbances:
        if kind not in ("quiet", "crash", "reject"):
            w.disturb(kind, number)
        operator.turn(writes(kind, number))
        w.check()
        if operator.ended:
            break
    if not operator.ended:
        operator.run()


def assert_rolled(w: World, operator: Operator) -> None:
    assert isinstance(operator.ended, Done), w.story()
    w.group.pass_time(200)
    assert {b.version for b in w.group.members()} <= {"2"}, "progress\n" + w.story()
    assert w.group.desired == max(w.group.minimum, w.own), "relative\n" + w.story()
