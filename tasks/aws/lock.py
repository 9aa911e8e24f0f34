"""The lock: an SSM parameter that must not exist yet, with holder, purpose and lease."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType

from botocore.exceptions import BotoCoreError, ClientError

from ..decisions.access.locks import LEASE, RELEASED, Holder, describe, is_free, parameter, read, write
from ..errors import Refused, Resumable
from ..runtime.cloud import Cloud, error_code, throttled
from ..runtime.operator import alive, machine
from ..runtime.waiting import Clock
from .parameters import put

# Seconds. A run that took a lock over within this time may be returning it to an earlier run, whose name is then shown.
_SETTLED = 2.0
# Seconds before its end at which a lease counts as expired: a call takes time, and AWS's clock differs.
_MARGIN = 30.0


@dataclass(frozen=True)
class _Shown:
    """The parameter's holder, version and age in seconds."""

    holder: Holder
    version: int
    age: float


class Lock:
    """One group's lock; a crashed holder's lease expires, and is taken over at once where the holder is known to be dead.

    Put without Overwrite is atomic (PutParameter). Taking over and releasing overwrite, and the parameter's version
    shows who was first. The lease is measured on a monotonic clock. `again`: the command that continues after the lock
    was lost.
    """

    def __init__(self, cloud: Cloud, group: str, holder: Holder, clock: Clock, again: str) -> None:
        self._cloud = cloud
        self._name = parameter(group)
        self._holder = holder
        self._clock = clock
        self._again = again
        self._asked = self._renewed = self._confirmed = float("-inf")

    @property
    def token(self) -> str:
        """Return a text that is unique among the holders of all locks."""
        return self._holder.token

    @property
    def valid(self) -> bool:
        """Return whether the lease has not expired: until then no other run takes the lock over."""
        return self._clock.elapsed() - self._renewed < LEASE - _MARGIN

    def __enter__(self) -> Lock:
        """Take the lock.

        Raises Refused with the name of the holder.
        """
        self._take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Release the lock; where that fails after another error, that error counts and the lease expires."""
        try:
            self._release()
        except (ClientError, BotoCoreError):
            if error is None:
                raise

    def sweep(self) -> None:
        """Remove the lock if its holder is dead."""
        shown = self._read()
        if shown and shown.holder.token != RELEASED.token and is_free(shown.holder, shown.age, machine(), alive):
            with self:
                pass

    def held(self, *, lease: bool = True) -> tuple[str, bool] | None:
        """Return a description of the holder, and whether the lock may be taken over; None for a free lock.

        `lease`: say for how long it is held, which is another text each time.
        """
        shown = self._read()
        if shown is None or shown.holder.token == RELEASED.token:
            return None
        return describe(shown.holder, shown.age if lease else None), is_free(shown.holder, shown.age, machine(), alive)

    def remove(self) -> None:
        """Remove the lock, also of a live holder.

        Raises Refused when another run renewed or took it meanwhile.
        """
        shown = self._read()
        if shown is None:
            return
        quicker = self._swap(shown.version)
        if quicker:
            raise Refused(f"{self._name}: {quicker} took the lock first")
        self._release()

    def renew(self) -> None:
        """Renew the lease after half of it.

        Raises Resumable when the lock is no longer ours.
        """
        if self._clock.elapsed() - self._renewed < LEASE / 2:
            return
        try:
            shown = self._ours()
        except ClientError as error:
            if throttled(error) and self.valid:
                return  # the next turn asks again
            raise
        quicker = self._swap(shown.version)
        if quicker:
            raise Resumable(f"{self._name}: {quicker} has taken the lock over", self._again)

    def confirm(self, within: float = 0.0) -> str:
        """Ask AWS whether the lock is still ours: `unlock --force` removes it from a run that lives.

        `within`: seconds for which an earlier answer is enough. Returns why it is not known, as AWS throttles, or an empty text.
        Raises Resumable where it is not ours.
        """
        if self._clock.elapsed() - max(self._renewed, self._confirmed) < within:
            return ""
        try:
            self._ours()
        except ClientError as error:
            if not throttled(error):
                raise
            return f"AWS does not say whose the lock is: {error_code(error)}"
        return ""

    def _ours(self) -> _Shown:
        began = self._clock.elapsed()
        shown = self._read()
        if shown is None or not self._mine(shown.holder):
            by = f": {shown.holder.who} has it ({shown.holder.purpose})" if shown and shown.holder.who else ""
            raise Resumable(f"{self._name}: the lock is no longer ours{by}", self._again)
        self._confirmed = began
        return shown

    def _take(self) -> None:
        try:
            self._put(self._holder, overwrite=False)
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            self._take_over()

    def _take_over(self) -> None:
        shown = self._read()
        if shown is None:
            raise Refused(f"{self._name}: released just now; run the same again")
        holder = shown.holder
        if self._mine(holder):
            self._renewed = self._asked
            return  # the answer to our own first call was lost
        if not is_free(holder, shown.age, machine(), alive):
            if shown.age < _SETTLED:
                self._clock.sleep(_SETTLED)
                shown = self._read() or shown
                holder = shown.holder
            left = max(1.0, holder.lease - shown.age)
            raise Refused(f"{self._name}: locked by {holder.who} ({holder.purpose}); lease expires in {left:.0f} s")
        quicker = self._swap(shown.version)
        if quicker:
            raise Refused(f"{self._name}: {quicker} took the lock first")

    def _swap(self, version: int, holder: Holder | None = None) -> str | None:
        """Put a holder, ours by default, over a version that was read.

        Returns the name of an earlier run, whose value is written back, since it owns the lock.
        """
        mine = holder or self._holder
        if self._put(mine, overwrite=True) == version + 1:
            return None
        first = self._read(f":{version + 1}")
        if first is None:
            self._put(RELEASED, overwrite=True)
            return "another run"
        if first.holder.token == mine.token:
            return None
        self._put(first.holder, overwrite=True)
        return f"{first.holder.who} ({first.holder.purpose})"

    def _release(self) -> None:
        """Release the lock while it is certainly ours; after the lease it may be another run's."""
        shown = self._read() if self.valid else None
        if shown and self._mine(shown.holder):
            self._swap(shown.version, RELEASED)

    def _mine(self, holder: Holder) -> bool:
        return holder.token == self._holder.token

    def _read(self, selector: str = "") -> _Shown | None:
        try:
            answer = self._cloud.client("ssm").get_parameter(Name=self._name + selector)
        except ClientError as error:
            if error_code(error) in ("ParameterNotFound", "ParameterVersionNotFound"):
                return None
            raise
        shown, date = answer["Parameter"], answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        # Both times are AWS's: the clocks of two operators may differ.
        now = parsedate_to_datetime(date).timestamp() if date else self._clock.now()
        try:
            return _Shown(read(shown["Value"]), int(shown["Version"]), now - shown["LastModifiedDate"].timestamp())
        except ValueError as error:
            raise Refused(
                f"SSM parameter {self._name}: not a lock of ours ({error}); delete it when no rollout is running"
            ) from error

    def _put(self, holder: Holder, *, overwrite: bool) -> int:
        self._asked = self._clock.elapsed()
        version = put(self._cloud, self._name, write(holder), overwrite=overwrite)
        self._renewed = self._asked
        return version
