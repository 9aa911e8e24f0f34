"""When to poll again: quickly while an old instance may soon be terminated, else at rollout.poll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .snapshot import FleetInstance

# Polls per interval while something is about to happen: old instances leave in time, and calls stay few elsewhere.
QUICK = 5
# Intervals between two polls while no new instance can be ready yet, and the most seconds: polls show alarms and failures.
SELDOM, AT_LEAST = 3, 30.0


@dataclass(frozen=True)
class Pace:
    """How long new instances took so far; lost in a crash, and measured again.

    `starting`: when each new instance that is not ready was seen first and last, in epoch seconds of the operator's clock;
    `took`: seconds at which the latest instance to become ready was last seen not ready, and first seen ready; `launch`: the
    fewest seconds that the group's earlier launches took until in service, 0 where that is not known.
    """

    starting: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    took: tuple[float, float] | None = None
    launch: float = 0.0

    def after(self, new: Sequence[FleetInstance], at: float) -> Pace:
        """Return what is known after a poll; `new`: the instances of the wanted version, `at`: epoch seconds."""
        starting, took = dict[str, tuple[float, float]](), self.took
        for i in new:
            first, last = self.starting.get(i.id, (at, at))
            if not i.ready:
                starting[i.id] = (first, at)
            elif i.id in self.starting:
                took = (last - first, at - first)
        return replace(self, starting=starting, took=took)

    def rest(self, new: Sequence[FleetInstance], polls: int, at: float, poll: float) -> float:
        """Return the seconds until the next poll.

        `polls`: polls in a row that must find an instance ready; `poll`: seconds between two polls where nothing is about to
        happen.
        """
        if any(i.ready and i.polls < polls for i in new):
            return poll / QUICK
        return min((self._expected(first, at, poll) for first, _ in self.starting.values()), default=poll)

    def _expected(self, first: float, at: float, poll: float) -> float:
        """Return the seconds until the next look at an instance: seldom while it cannot be ready, quick when it may be."""
        seldom = max(poll, min(SELDOM * poll, AT_LEAST))
        if self.took is None:
            return min(seldom, max(poll, first + self.launch - at))
        early, late = (first + seconds for seconds in self.took)
        # Where it is known only roughly when, a fifth of that time is close enough.
        return poll if at > late + poll else min(seldom, max(poll / QUICK, (late - early) / QUICK, early - at))
