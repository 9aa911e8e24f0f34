"""The holder of a lock, and whether the lock may be taken over."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields

from ..release.answers import json_object

LEASE = 300.0  # seconds; renewed after half of it
PIDS = 2**22  # the largest process id (proc(5), pid_max)
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("token", "who", "purpose", "machine"), (str,)),
    "pid": (int,),
    **dict.fromkeys(("lease", "since"), (int, float)),
}
# What no clock shows and no process has, ends in no arithmetic.
_RANGES: Mapping[str, tuple[float, float]] = {"pid": (0, PIDS), "lease": (-1e6, 1e6), "since": (0, 4e9)}


@dataclass(frozen=True)
class Holder:
    """The holder of a lock.

    `machine`: where `pid` is valid, "" where unknown. `lease`: seconds since it was written;
    `since`: when it was requested, in epoch seconds by the holder's clock, 0 where unknown.
    """

    token: str
    who: str
    purpose: str
    machine: str = ""
    pid: int = 0
    lease: float = LEASE
    since: float = 0.0


# A released lock is overwritten with this: deleting it would block its name for 30 seconds (DeleteParameter).
RELEASED = Holder(token="", who="", purpose="released", lease=0.0)


def write(holder: Holder) -> str:
    """Return a holder as a parameter value."""
    return json.dumps(asdict(holder))


def read(text: str) -> Holder:
    """Return the holder from a parameter value.

    Raises ValueError where another program wrote it.
    """
    value = json_object(text)
    if value is None:
        raise ValueError("not a JSON object")
    for field in fields(Holder):
        kind = _KINDS[field.name]
        if field.name in value and (isinstance(value[field.name], bool) or not isinstance(value[field.name], kind)):
            raise ValueError(f"{field.name} is {value[field.name]!r}")
        least, most = _RANGES.get(field.name, (0, 0))
        if field.name in _RANGES and not least <= value.get(field.name, 0) <= most:
            raise ValueError(f"{field.name} is out of range")
    try:
        return Holder(**value)
    except TypeError as error:
        raise ValueError(str(error)) from error


def parameter(group: str, what: str = "lock") -> str:
    """Return the parameter name of a group's lock, or of another `what` of the group.

    PutParameter: letters, digits and .-_ only; group names allow more.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", group)
    if plain != group:
        plain += f"-{hashlib.sha256(group.encode()).hexdigest()[:8]}"
    return f"/ramped/{plain}/{what}"


def describe(holder: Holder, age: float | None) -> str:
    """Describe a lock's holder, purpose, start and lease; `age`: seconds since it was written or renewed; None: no lease."""
    since = time.strftime(", since %Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.since)) if holder.since else ""
    left = holder.lease - (age or 0.0)
    lease = f"; runs out in {left:.0f} s unless renewed" if left > 0 else f"; ran out {-left:.0f} s ago"
    process = f", process {holder.pid}" if holder.pid else ""
    return f"held by {holder.who}{process} ({holder.purpose}){since}{lease if age is not None else ''}"


def is_free(holder: Holder, age: float, machine: str, alive: Callable[[int], bool]) -> bool:
    """Return whether a lock may be taken over: its lease has expired, or its holder is known to be dead.

    `age`: seconds since it was written or renewed, by AWS's clock; `machine`: ours; `alive` is asked for processes of this
    machine only: elsewhere the same pid is another process.
    """
    if age > holder.lease or holder.token == RELEASED.token:
        return True
    return bool(machine) and holder.machine == machine and holder.pid > 0 and not alive(holder.pid)
