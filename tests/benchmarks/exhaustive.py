"""Every state of small fleets, breadth first: `python -m tests.benchmarks.exhaustive [--states 1000000]`.

From each state the operator goes on, or is killed after any of its writes, or the adversary kills an instance, lets one fall
ill, scales out or in (three times in a history at most). The safety properties are checked in every state. Deadlines and the
way back are not part of it: they are in the property tests.
"""

import argparse
import copy
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from tasks.decisions.rollout.snapshot import Fleet, Policy
from tasks.decisions.rollout.steps import Stop
from tests.decisions.rollout.histories import World, assert_clean
from tests.decisions.rollout.model import GOAL, Group, Operator, policy

DISTURBANCES = 3
Move = tuple[str, int]


@dataclass(frozen=True)
class State:
    """A group, what its operator remembers, what its watch knows, and how it came to be."""

    group: Group
    seen: Fleet | None
    own: int
    took: int
    disturbed: int
    before: "State | None" = None
    move: Move = ("begin", 0)


@dataclass(frozen=True)
class Fleets:
    """One family of fleets."""

    policy: Policy
    maximum: int
    start: State


def families() -> Iterator[Fleets]:
    """Yield every small fleet: 0 to 3 instances, surge and batch 1 or 2, with and without room below and above."""
    for desired, surge, batch, below, above in product(range(4), (1, 2), (1, 2), (0, 1), (0, 1)):
        group = Group.settled(max(0, desired - below), desired + above, desired, boot=5.0, drain=10.0)
        rules = policy(surge=surge, batch=batch, rollback=False, max_failures=10**6, instance_timeout=float("inf"))
        yield Fleets(rules, group.maximum, State(group, None, desired, 0, 0))


def key(state: State) -> int:
    """Return what tells states apart: times count from now, instances by their age."""
    group, now = state.group, state.group.now
    rank = {id: number for number, id in enumerate(sorted(group.boxes))}
    polls = {i.id: min(i.polls, 2) for i in state.seen.instances} if state.seen else {}
    boxes = tuple(
        (b.zone, b.version, b.lifecycle(now), max(0.0, b.serves_from - now), b.protected, b.leaves and b.leaves - now)
        + (max(0.0, b.sick_until - now), polls.get(b.id))
        for _, b in sorted(group.boxes.items())
    )
    record = group.record
    if record:
        returning = tuple(str(rank.get(id, "gone")) for id in record.returning)
        record = replace(record, started=0.0, returning=returning)
    sizes = (group.minimum, group.maximum, group.desired, group.version, tuple(sorted(group.suspended)), len(group.surplus))
    return hash((sizes, record, boxes, state.own, state.took, state.disturbed, state.seen is None))


def moves(state: State) -> Iterator[Move]:
    """Yield what can happen next; a crash counts the writes done before it."""
    yield "tick", 0
    for writes in range(6):
        yield "crash", writes
    if state.disturbed < DISTURBANCES:
        for number in range(len(state.group.members())):
            yield "kill", number
            yield "flap", number
        yield "out", 0
        yield "in", 0


def after(fleets: Fleets, state: State, move: Move) -> State | None:
    """Return the state after a move; None where the rollout has ended. Raises AssertionError for a property that is broken."""
    kind, number = move
    world = World(_copied(state.group), fleets.policy.surge, state.own)
    world.maximum, world.took = fleets.maximum, state.took
    operator = Operator(world.group, fleets.policy, GOAL, state.seen)
    if kind in ("tick", "crash"):
        operator.turn(number if kind == "crash" else None)
        if operator.crash is not None:
            return None
    else:
        world.disturb(kind, number)
    world.check()
    assert len(world.group.surplus) <= world.took, "only-old"
    if operator.ended:
        assert not isinstance(operator.ended, Stop), "progress"
        assert world.group.desired == max(world.group.minimum, world.own), "relative"
        assert_clean(world)
        return None
    del world.group.__dict__["terminate"]
    disturbed = state.disturbed + (kind not in ("tick", "crash"))
    return State(world.group, operator.seen, world.own, world.took, disturbed, state, move)


def _copied(group: Group) -> Group:
    twin = copy.copy(group)
    twin.boxes = {id: copy.copy(box) for id, box in group.boxes.items()}
    twin.suspended, twin.surplus, twin.launches = set(group.suspended), list(group.surplus), group.launches.copy()
    twin.launched, twin.births, twin.died, twin.scaled_in = (
        list(group.launched),
        dict(group.births),
        set(group.died),
        set(group.scaled_in),
    )
    twin.log, twin.terminated = [], []
    return twin


def trace(state: State | None, last: Move) -> str:
    """Say how a state came to be, the last move included."""
    said = [f"{last[0]} {last[1]}"]
    while state:
        said.append(f"{state.move[0]} {state.move[1]}: " + " ".join(line.strip() for line in state.group.log))
        state = state.before
    return "\n".join(reversed(said))


def explore(all_fleets: Sequence[Fleets], most: int) -> tuple[int, list[str]]:
    """Visit states until none is left or there were enough; return how many, and the counter-examples."""
    queue = deque((fleets, fleets.start, number) for number, fleets in enumerate(all_fleets))
    visited = {(number, key(fleets.start)) for number, fleets in enumerate(all_fleets)}
    broken: list[str] = []
    while queue and len(visited) < most and len(broken) < 3:
        fleets, state, number = queue.popleft()
        for move in moves(state):
            try:
                following = after(fleets, state, move)
            except AssertionError as error:
                broken.append(f"{error}\nwith {fleets.policy}\n{trace(state, move)}")
                continue
            if following and (name := (number, key(following))) not in visited:
                visited.add(name)
                queue.append((fleets, following, number))
    return len(visited), broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore, and print states a second and what was found; return 1 where a property was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.exhaustive", description=__doc__)
    parser.add_argument("--states", type=int, default=1_000_000, help="how many states to visit at least")
    given = parser.parse_args(arguments)
    begun = time.perf_counter()
    states, broken = explore(list(families()), given.states)
    seconds = time.perf_counter() - begun
    print(f"{states} states in {seconds:.0f} s ({states / seconds:.0f} a second), {len(broken)} counter-examples")
    print("\n\n".join(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
