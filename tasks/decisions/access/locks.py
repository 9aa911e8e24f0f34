"""Whose a lock is, and whether it may be taken from them."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields

from ..answers import json_object

LEASE = 300.0  # seconds; renewed after a third of it
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("token", "who", "purpose", "machine"), (str,)),
    "pid": (int,),
    **dict.fromkeys(("lease", "since"), (int, float)),
}


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    `machine` tells where `pid` means something; "" where it cannot be told. `lease`: seconds since it was written;
    `since`: when it was wanted, in epoch seconds by the holder's clock, 0 where that is not told.
    """

    token: str
    who: str
    purpose: str
    machine: str = ""
    pid: int = 0
    lease: float = LEASE
    since: float = 0.0


# Whoever gives a lock back overwrites it with this: deleting it would forbid its name for 30 seconds (DeleteParameter).
RELEASED = Holder(token="", who="", purpose="released", lease=0.0)


def write(holder: Holder) -> str:
    """Return a holder as the value of the parameter."""
    return json.dumps(asdict(holder))


def read(text: str) -> Holder:
    """Return the holder that a parameter names.

    Raises ValueError where it was written by something else.
    """
    told = json_object(text)
    if told is None:
        raise ValueError("it is no JSON object")
    for field in fields(Holder):
        kind = _KINDS[field.name]
        if field.name in told and (isinstance(told[field.name], bool) or not isinstance(told[field.name], kind)):
            raise ValueError(f"{field.name} is {told[field.name]!r}")
    try:
        return Holder(**told)
    except TypeError as error:
        raise ValueError(str(error)) from error


def parameter(group: str, what: str = "lock") -> str:
    """Return the name of a group's lock, or of `what` else is kept of it.

    PutParameter: letters, digits and .-_ only; groups may be called anything.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", group)
    if plain != group:
        plain += f"-{hashlib.sha256(group.encode()).hexdigest()[:8]}"
    return f"/ramped/{plain}/{what}"


def describe(holder: Holder, age: float) -> str:
    """Say who holds a lock, what for, since when and until when; `age`: seconds since it was written or renewed."""
    since = time.strftime(", since %Y-%m-%d %H:%M:%S UTC", time.gmtime(holder.since)) if holder.since else ""
    left = holder.lease - age
    lease = f"runs out in {left:.0f} s unless renewed" if left > 0 else f"ran out {-left:.0f} s ago"
    process = f", process {holder.pid}" if holder.pid else ""
    return f"held by {holder.who}{process} ({holder.purpose}){since}; {lease}"


def free(other: Holder, age: float, machine: str, alive: Callable[[int], bool]) -> bool:
    """Tell whether a lock may be taken over: its lease has run out, or its holder is known to be dead.

    `age`: seconds since it was written or renewed, by AWS's clock; `machine`: ours; `alive` is asked for processes of this
    machine only: elsewhere the same number is another process.
    """
    if age > other.lease or other.token == RELEASED.token:
        return True
    return bool(machine) and other.machine == machine and other.pid > 0 and not alive(other.pid)
