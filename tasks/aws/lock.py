"""The lock: an SSM parameter that must not exist yet, with holder, purpose and expiry."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..errors import Refused, Resumable
from .session import error_code

if TYPE_CHECKING:
    from types import TracebackType

    from ..waiting import Clock
    from .session import Cloud

LEASE = 300.0  # seconds; renewed after a third of it


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, and until when (epoch seconds)."""

    token: str
    who: str
    purpose: str
    expires: float = 0.0


class Lock:
    """One group's lock; a crashed holder's lease runs out by itself.

    Put without Overwrite is atomic (PutParameter). An expired lease is taken over with Overwrite, and the parameter's version
    tells whether somebody else did so in between.
    """

    def __init__(self, cloud: Cloud, group: str, holder: Holder, clock: Clock) -> None:
        self._ssm = cloud.client("ssm")
        self._name = f"/ramped/{group}/lock"
        self._holder = holder
        self._clock = clock
        self._renewed = 0.0

    def __enter__(self) -> Lock:
        """Take the lock.

        Raises Refused with the name of the holder.
        """
        self._take()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give the lock back; where that fails after another error, that one counts and the lease runs out by itself."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._release()
        except (ClientError, BotoCoreError):
            if error is None:
                raise

    def _take(self) -> None:
        from botocore.exceptions import ClientError

        try:
            self._put(overwrite=False)
        except ClientError as error:
            if error_code(error) != "ParameterAlreadyExists":
                raise
            self._take_over()

    def _take_over(self) -> None:
        from botocore.exceptions import ClientError

        try:
            told = self._ssm.get_parameter(Name=self._name)["Parameter"]
        except ClientError as error:
            if error_code(error) != "ParameterNotFound":
                raise
            raise Refused(f"{self._name}: released just now; run the same again") from error
        other = Holder(**json.loads(told["Value"]))
        left = other.expires - self._clock.now()
        if left > 0:
            raise Refused(
                f"{self._name}: {other.who} is at it ({other.purpose}), for {left:.0f} s more unless renewed. Nothing was changed"
            )
        if self._put(overwrite=True) != told["Version"] + 1:
            raise Refused(f"{self._name}: somebody else took it over at the same moment; run the same again in {LEASE:.0f} s")

    def renew(self) -> None:
        """Prolong the lease when a third of it is over.

        Raises Resumable when the lock is not ours any more.
        """
        if self._clock.now() - self._renewed < LEASE / 3:
            return
        if not self._ours():
            raise Resumable(f"{self._name}: the lock is no longer ours", "the same command")
        self._put(overwrite=True)

    def _release(self) -> None:
        if self._ours():
            self._ssm.delete_parameter(Name=self._name)

    def _ours(self) -> bool:
        from botocore.exceptions import ClientError

        try:
            value = self._ssm.get_parameter(Name=self._name)["Parameter"]["Value"]
        except ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return False
            raise
        return bool(json.loads(value)["token"] == self._holder.token)

    def _put(self, *, overwrite: bool) -> int:
        self._renewed = self._clock.now()
        value = json.dumps(asdict(self._holder) | {"expires": self._renewed + LEASE})
        return int(self._ssm.put_parameter(Name=self._name, Value=value, Type="String", Overwrite=overwrite)["Version"])
