"""The steps of a rollout: what `decide` returns and the AWS edge applies; each is safe to repeat."""

from dataclasses import dataclass

from .snapshot import Record


@dataclass(frozen=True)
class Step:
    """One thing to do next."""

    def __str__(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Begin(Step):
    """Write the record of a new run into the group's tags, before anything else is touched."""

    record: Record

    def __str__(self) -> str:
        return f"record run {self.record.run}: version {self.record.source} to {self.record.target}, surge {self.record.surge}"


@dataclass(frozen=True)
class Rewrite(Step):
    """Write the record of the run under way into the group's tags again, after it was removed."""

    record: Record

    def __str__(self) -> str:
        return f"write the tags of run {self.record.run} again: they are missing"


@dataclass(frozen=True)
class Suspend(Step):
    """Suspend scaling processes."""

    processes: tuple[str, ...]

    def __str__(self) -> str:
        return f"suspend {', '.join(self.processes)}"


@dataclass(frozen=True)
class Point(Step):
    """Point the group at a template version and surge, in one call: both or neither."""

    version: str
    desired: int
    maximum: int

    def __str__(self) -> str:
        return f"point the group at version {self.version}, desired {self.desired}, max {self.maximum}"


@dataclass(frozen=True)
class Protect(Step):
    """Protect new instances from scale-in, so that a policy that scales in takes an old one."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"protect {', '.join(self.ids)} from scale-in"


@dataclass(frozen=True)
class Terminate(Step):
    """Terminate instances through the group; it launches a replacement for each."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"terminate {', '.join(self.ids)}; the group replaces {'it' if len(self.ids) == 1 else 'them'}"


@dataclass(frozen=True)
class Return(Step):
    """Terminate instances and lower desired by their number, returning the surge. The record is written first."""

    ids: tuple[str, ...]
    record: Record

    def __str__(self) -> str:
        return f"terminate {', '.join(self.ids)} and lower desired by {len(self.ids)}: the surge is given back"


@dataclass(frozen=True)
class Lower(Step):
    """Lower desired, returning the surge of a group with weights: its termination policy ends the surplus. Record first.

    What a terminate with decrement lowers desired by is not documented for weights.
    """

    record: Record
    desired: int
    maximum: int

    def __str__(self) -> str:
        return f"lower desired to {self.desired}, max {self.maximum}: the surge is given back"


@dataclass(frozen=True)
class Empty(Step):
    """Terminate outdated instances of the warm pool; the group fills it up with the version that it names."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"terminate {', '.join(self.ids)} in the warm pool, of another version; the group fills it up again"


@dataclass(frozen=True)
class Retire(Step):
    """Terminate instances in standby, which do not count: nothing is launched for them."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"terminate {', '.join(self.ids)} in standby, of another version"


@dataclass(frozen=True)
class Unprotect(Step):
    """Remove our scale-in protection."""

    ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"unprotect {', '.join(self.ids)}"


@dataclass(frozen=True)
class Resume(Step):
    """Resume the processes that we suspended, no others."""

    processes: tuple[str, ...]

    def __str__(self) -> str:
        return f"resume {', '.join(self.processes)}"


@dataclass(frozen=True)
class RestoreMax(Step):
    """Set MaxSize back to what it was."""

    maximum: int

    def __str__(self) -> str:
        return f"set max back to {self.maximum}"


@dataclass(frozen=True)
class Forget(Step):
    """Drop our tags: the run is over."""

    def __str__(self) -> str:
        return "drop the run's tags"


@dataclass(frozen=True)
class Advance(Step):
    """Continue after a pause. The record keeps this for a run after a crash."""

    record: Record

    def __str__(self) -> str:
        return f"go on: {self.record.passed} of {self.record.size} new instances have been looked at"


@dataclass(frozen=True)
class Copy(Step):
    """Copy an older template version to a new one, so that $Latest is no version that was rolled back."""

    version: str
    run: str

    def __str__(self) -> str:
        return f"copy version {self.version} to a new one, so that $Latest is good again"


@dataclass(frozen=True)
class Wait(Step):
    """Poll again later."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Hold(Wait):
    """Poll again later: this group is ready, others are not."""


@dataclass(frozen=True)
class TurnBack(Step):
    """Roll back: the new version is bad. The record is written first."""

    record: Record
    why: str

    def __str__(self) -> str:
        return f"roll back to version {self.record.source}: {self.why}"


@dataclass(frozen=True)
class Abort(Step):
    """End the run now; instances stay. The record is written first."""

    record: Record

    def __str__(self) -> str:
        return f"abort the rollout to version {self.record.target}: the surge and the settings go back, the instances stay"


@dataclass(frozen=True)
class Stop(Step):
    """Stop here; the fleet stays as it is until an operator acts."""

    why: str

    def __str__(self) -> str:
        return self.why


@dataclass(frozen=True)
class Pause(Stop):
    """Stop here until an operator confirms."""


@dataclass(frozen=True)
class Done(Step):
    """Nothing is left to do."""

    why: str

    def __str__(self) -> str:
        return self.why
