"""What callers of a rehearsal have to show: another user of the machine must get in nowhere."""

from dataclasses import dataclass

KEYS = "REHEARSAL_KEYS"  # variable of the server: JSON of `callers` (access keys) and `control`; unset: everybody may call
KEY_HEADER = "X-Rehearsal-Key"  # of requests to the control endpoint


@dataclass(frozen=True)
class Keys:
    """Access keys that may call the API, and the key of the control endpoint; empty: everybody may call."""

    callers: frozenset[str] = frozenset()
    control: str = ""


OPEN = Keys()
