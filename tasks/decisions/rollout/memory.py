"""What this process has written: AWS may answer with older data, and our tags may be removed by others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .snapshot import SETTLED, Fleet, Record, unlowered
from .steps import Abort, Advance, Begin, Empty, Forget, Lower, Point, Retire, Return, Rewrite, Step, Terminate, TurnBack


@dataclass(frozen=True)
class Memory:
    """The writes of one process to one group; a new process has none, and reads what is there."""

    record: Record | None = None
    over: str = ""  # the run whose tags we have deleted
    version: str = ""  # that we pointed the group at
    dismissed: frozenset[str] = frozenset()  # instances that we have terminated
    emptied: frozenset[str] = frozenset()  # the same of the warm pool
    written: float = float("-inf")  # when the group was changed last

    def after(self, step: Step, at: float) -> Memory:
        """Return the memory after a step was made, `at` epoch seconds."""
        match step:
            case Begin(record) | TurnBack(record) | Advance(record) | Abort(record) | Rewrite(record):
                return replace(self, record=record)
            case Return(ids, record):
                return replace(self, record=record, dismissed=self.dismissed | set(ids), written=at)
            case Empty(ids):
                return replace(self, emptied=self.emptied | set(ids))
            case Terminate(ids) | Retire(ids):
                return replace(self, dismissed=self.dismissed | set(ids), written=at)
            case Point(version):
                # Whatever version the group names later: never surge twice.
                surged = replace(self.record, surged=True) if self.record else None
                return replace(self, record=surged, version=version, written=at)
            case Lower(record):
                return replace(self, record=record, written=at)
            case Forget():
                return replace(self, record=None, over=self.record.run if self.record else "")
        return self

    def rejected(self, step: Step, made: Sequence[str], before: Record | None, at: float) -> Memory:
        """Return the memory after AWS has rejected a call of a step.

        `made`: the instances that earlier calls of it have terminated; one that was rejected may have gone by itself, and gave
        nothing back. `before`: the record before the step.
        """
        memory = replace(self, record=self.record or before)
        if isinstance(step, Return) and made:
            return memory.after(replace(step, ids=tuple(made), record=replace(step.record, returning=tuple(made))), at)
        return memory.after(replace(step, ids=tuple(made)), at) if isinstance(step, Terminate | Retire) and made else memory

    def met(self, fleet: Fleet) -> Memory:
        """Return the memory without instances that are back: a group may reuse what was terminated, by way of its warm pool."""
        back = {i.id for i in fleet.pool} | {i.id for i in fleet.instances if i.lifecycle.startswith("Pending")}
        return replace(self, dismissed=self.dismissed - back)

    def record_of(self, shown: Record | None, kept: Callable[[], Record | None]) -> tuple[Record | None, bool]:
        """Return the record of the run under way, and whether its tags are missing.

        `shown`: from the group's tags, perhaps stale or None; `kept` returns the copy of the record.
        """
        if self.record and (shown is None or shown.run == self.record.run):
            return self.record, shown is None
        if shown:
            return (None if shown.run == self.over else shown), False
        record = None if self.over else kept()
        return record, record is not None

    def lags(self, fleet: Fleet, at: float) -> bool:
        """Return whether a fleet read at `at` does not show yet what was written."""
        if at - self.written > SETTLED:
            return False
        shown = {i.id for i in fleet.instances if not i.leaving}
        raised = self.record is not None and self.record.lowering != 0 and unlowered(fleet, self.record)
        return bool(self.dismissed & shown) or raised or (bool(self.version) and fleet.version != self.version)

    def complete(self, fleet: Fleet) -> Fleet:
        """Return the fleet with what it does not show yet: instances that we have terminated are leaving."""
        # What was terminated in the warm pool may be drawn from it before the group notices.
        gone = {i.id for i in fleet.instances if i.id in self.dismissed | self.emptied and not i.leaving}
        instances = tuple(replace(i, lifecycle="Terminating") if i.id in gone else i for i in fleet.instances)
        pool = tuple(replace(i, lifecycle="Warmed:Terminating") if i.id in self.emptied else i for i in fleet.pool)
        return replace(fleet, instances=instances, pool=pool, excused=fleet.excused | self.dismissed | self.emptied)
