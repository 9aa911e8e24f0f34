"""How soon to look again: quickly where a look may let an old instance go, else at the pace that was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .snapshot import Instance

# So many looks in the time of one where something is about to happen: old ones leave in time, and calls are few elsewhere.
QUICK = 5
# So many polls pass between two looks where nothing can happen yet, but never more seconds: alarms and failures show in looks.
SELDOM, AT_LEAST = 3, 30.0


@dataclass(frozen=True)
class Pace:
    """What earlier looks have taught about how long a new instance takes; lost in a crash, it is learned anew.

    `starting`: when each new instance that is not ready was seen first and last, in epoch seconds of the operator's clock;
    `took`: seconds after which the latest one to become ready was not ready yet, and was; `launch`: seconds that the group's
    earlier launches took at least until the instance was in service, where that is known.
    """

    starting: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    took: tuple[float, float] | None = None
    launch: float = 0.0

    def after(self, new: Sequence[Instance], at: float) -> Pace:
        """Return what is known after a look; `new`: the instances of the wanted version, `at`: epoch seconds."""
        starting, took = dict[str, tuple[float, float]](), self.took
        for i in new:
            first, last = self.starting.get(i.id, (at, at))
            if not i.ready:
                starting[i.id] = (first, at)
            elif i.id in self.starting:
                took = (last - first, at - first)
        return replace(self, starting=starting, took=took)

    def rest(self, new: Sequence[Instance], polls: int, at: float, poll: float) -> float:
        """Return the seconds until the next look.

        `polls`: looks in a row that must find an instance ready; `poll`: seconds between two looks where nothing is about to
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
        return poll if at > late + poll else min(seldom, max(poll / QUICK, early - at))
