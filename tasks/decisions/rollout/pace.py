"""When to poll again: quickly while an old instance may soon be terminated, else at rollout.poll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .snapshot import FleetInstance

# Polls per interval while something is about to happen: old instances leave in time, and calls stay few elsewhere.
QUICK = 5
# Polls within the time in which a new instance is expected to become ready.
CLOSE = 3
# Intervals between two polls while no new instance can be ready yet, and the most seconds: polls show alarms and failures.
SELDOM, AT_LEAST = 3, 30.0


@dataclass(frozen=True)
class Pace:
    """How long new instances took so far; lost in a crash, and measured again.

    `starting`: when each new instance that is not ready was launched, and when it was seen last, in epoch seconds; `took`:
    seconds after its launch at which the latest instance to become ready was last seen not ready, and first seen ready;
    `launch`: the fewest seconds that the group's earlier launches took until in service, 0 where that is not known.
    """

    starting: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    took: tuple[float, float] | None = None
    launch: float = 0.0

    def after(self, new: Sequence[FleetInstance], at: float) -> Pace:
        """Return what is known after a poll; `new`: the instances of the wanted version, `at`: AWS's time, epoch seconds."""
        starting, took = dict[str, tuple[float, float]](), self.took
        for i in new:
            first, last = self.starting.get(i.id, (i.since or at, at))
            if not i.ready:
                starting[i.id] = (first, at)
            elif i.id in self.starting:
                took = _narrowed(took, last - first, at - first)
        return replace(self, starting=starting, took=took)

    def rest(self, new: Sequence[FleetInstance], polls: int, at: float, poll: float) -> float:
        """Return the seconds until the next poll.

        `polls`: polls in a row that must find an instance ready; `at`: AWS's time of this poll, epoch seconds; `poll`: seconds
        between two polls where nothing is about to happen.
        """
        if any(i.ready and i.polls < polls for i in new):
            return poll / QUICK
        coming = [i for i in new if i.id in self.starting]
        return min((self._expected(i, self.starting[i.id][0], at, poll) for i in coming), default=poll)

    def launching(self, poll: float) -> float:
        """Return the seconds until the next poll after a step that makes the group launch."""
        likely = self.took[0] if self.took else self.launch
        return min(seldom(poll), max(poll, likely / 2))

    def _expected(self, instance: FleetInstance, first: float, at: float, poll: float) -> float:
        """Return the seconds until the next look at an instance: seldom while it cannot be ready, quick when it may be."""
        most = seldom(poll)
        if self.took is None:
            # Where one that is Pending takes longer than launches did before, it is not ready at once when it is in service.
            least = min(most, 2 * poll) if self.launch and instance.lifecycle.startswith("Pending") else poll
            return min(most, max(least, first + self.launch - at))
        early, late = (first + seconds for seconds in self.took)
        # Where it is known only roughly when, a part of that time is close enough.
        close = max(poll / QUICK, (late - early) / CLOSE)
        return poll if at > late + poll else min(most, max(close, early + close - at))


def _narrowed(took: tuple[float, float] | None, last: float, ready: float) -> tuple[float, float]:
    """Return the window that the next instance is expected in; `last` and `ready`: ages at which this one was not, and was.

    The first look within the last window is not at its beginning, and may have found it ready: it tells no more than that.
    """
    if took is None or ready <= took[0]:
        return last, ready
    early, late = took
    return max(last, early if ready < late else 2 * early - ready), ready


def longest(poll: float) -> float:
    """Return the most seconds between two polls."""
    return max(poll, AT_LEAST)


def seldom(poll: float) -> float:
    """Return the seconds between two polls while nothing can happen."""
    return max(poll, min(SELDOM * poll, AT_LEAST))
