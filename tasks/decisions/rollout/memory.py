"""What this process has written: an answer of AWS may be older than that, and somebody may take our tags away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .snapshot import Fleet, Record
from .steps import Abort, Advance, Begin, Forget, Point, Return, Rewrite, Step, Terminate, TurnBack

# Seconds after a write for which an answer that contradicts it is taken for an old one ("Eventual consistency", EC2 API); later
# it is somebody else's change.
SETTLED = 30.0


@dataclass(frozen=True)
class Memory:
    """The writes of one process to one group; a process that begins anew has none, and reads what is there."""

    record: Record | None = None
    over: str = ""  # the run whose tags we have dropped
    version: str = ""  # that the group was pointed at
    dismissed: frozenset[str] = frozenset()  # instances that we have terminated
    written: float = float("-inf")  # when the group was changed last

    def after(self, step: Step, at: float) -> Memory:
        """Return what is known once a step was made, `at` epoch seconds."""
        match step:
            case Begin(record) | TurnBack(record) | Advance(record) | Abort(record) | Rewrite(record):
                return replace(self, record=record)
            case Return(ids, record):
                return replace(self, record=record, dismissed=self.dismissed | set(ids), written=at)
            case Terminate(ids):
                return replace(self, dismissed=self.dismissed | set(ids), written=at)
            case Point(version):
                # Whatever becomes of the version that the group names: what was surged once is not surged again.
                surged = replace(self.record, surged=True) if self.record else None
                return replace(self, record=surged, version=version, written=at)
            case Forget():
                return replace(self, record=None, over=self.record.run if self.record else "")
        return self

    def record_of(self, shown: Record | None, kept: Callable[[], Record | None]) -> tuple[Record | None, bool]:
        """Return the record of the run under way, and whether the tags that should hold it are gone.

        `shown`: what the group's tags say, which may be old, or nothing; `kept` returns the copy of the record.
        """
        if self.record and (shown is None or shown.run == self.record.run):
            return self.record, shown is None
        if shown:
            return (None if shown.run == self.over else shown), False
        record = None if self.over else kept()
        return record, record is not None

    def lags(self, fleet: Fleet, at: float) -> bool:
        """Return whether a look at `at` does not show yet what was written."""
        if at - self.written > SETTLED:
            return False
        shown = {i.id for i in fleet.instances if not i.leaving}
        return bool(self.dismissed & shown) or (bool(self.version) and fleet.version != self.version)

    def complete(self, fleet: Fleet) -> Fleet:
        """Return a look with what it does not show: instances that we have terminated are leaving."""
        gone = {i.id for i in fleet.instances if i.id in self.dismissed and not i.leaving}
        instances = tuple(replace(i, lifecycle="Terminating") if i.id in gone else i for i in fleet.instances)
        return replace(fleet, instances=instances, excused=fleet.excused | self.dismissed)
