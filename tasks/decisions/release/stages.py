"""Contracting migrations: how tags name those that wait until no old code runs, and which code needs what they take away."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ...errors import Refused

WAITING = "ramped:waiting"
OUTDATED = "ramped:outdated"
MODES = ("refuse", "later", "ship")
_LONGEST = 256  # characters of a tag's value
_DIGEST = 10


def waiting_text(names: Sequence[str]) -> str:
    """Return the tag's value: the names, or digests of them where these are too long.

    Raises Refused for more than a tag can hold.
    """
    for words in (names, [_digest(name) for name in names]):
        if len(text := " ".join(sorted(words))) <= _LONGEST:
            return text
    raise Refused(
        f"{len(names)} migrations would have to wait until no old code runs, more than a tag can name: show a maintenance"
        " page meanwhile (ship --maintenance), or release in smaller steps"
    )


def unknown(tag: str, names: Iterable[str]) -> list[str]:
    """Return the migrations that did not wait when this tag of an image was written: its code may need what they take away."""
    known = set(tag.split())
    return [name for name in names if name not in known and _digest(name) not in known]


def shown(tag: str) -> str:
    """Return the tag's value for people."""
    words = tag.split()
    return ", ".join(words) if any("." in word for word in words) else f"{len(words)} migrations"


def left_of_window(ended: float | None, window: float, now: float) -> float:
    """Return for how many seconds the rollout can still be rolled back; 0 where the window is over.

    `ended`: when the rollout ended, in epoch seconds; None where that was not recorded.
    """
    return 0.0 if ended is None else max(0.0, ended + window - now)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
