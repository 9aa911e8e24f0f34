"""Eventual consistency: a call may be answered by a copy that does not yet know what was just written.

Each call meets a copy that is behind by a time of its own, up to the lag: a describe call lacks the instances, images, versions
and tags that were made since and shows the states that were; a call that names such an instance is refused.
Source: the EC2 API reference, "Eventual consistency in the Amazon EC2 API".
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import ApiError
from .timing import Timing

Change = Callable[[], None]
NOT_FOUND = {
    "i": ("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "ami": ("InvalidAMIID.NotFound", "The image id '[{}]' does not exist"),
    "lt": (
        "InvalidLaunchTemplateId.NotFound",
        "The specified launch template, with template ID {}, does not exist.",
    ),
}


@dataclass(frozen=True)
class Write:
    """One write: the state of a copy before it, and after it."""

    at: float
    undo: Change
    redo: Change
    made: Any = None  # what did not exist before


class Consistency:
    """Remember the writes of the last while, and hide some of them from a call."""

    def __init__(self, lag: Callable[[], float], timing: Timing, seed: int) -> None:
        """Be up to date; `lag` returns by how many AWS seconds a copy may be behind now."""
        self._lag = lag
        self._timing = timing
        self._random = random.Random(seed)
        self._writes: deque[Write] = deque()

    def _wrote(self, undo: Change, redo: Change, made: Any = None) -> None:
        if self._lag():
            self._writes.append(Write(self._timing.now(), undo, redo, made))

    def added(self, where: dict[Any, Any], key: Any) -> None:
        """Note a new entry."""
        value = where[key]

        def undo() -> None:
            where.pop(key, None)

        def redo() -> None:
            where[key] = value

        self._wrote(undo, redo, key)

    def changed(self, where: dict[Any, Any], key: Any, before: Any) -> None:
        """Note that an entry had another value before (None: there was none)."""
        after = where.get(key)

        def put(value: Any) -> None:
            if value is None:
                where.pop(key, None)
            else:
                where[key] = value

        self._wrote(lambda: put(before), lambda: put(after))

    def _unseen(self) -> list[Write]:
        lag, now = self._timing.real(self._lag()), self._timing.now()
        while self._writes and self._writes[0].at < now - lag:
            self._writes.popleft()
        seen = now - self._random.uniform(0, lag)
        return [write for write in self._writes if write.at > seen]

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Show the state of a lagging copy, for one call."""
        hidden = self._unseen()
        for write in reversed(hidden):
            write.undo()
        try:
            yield
        finally:
            for write in hidden:
                write.redo()

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise ApiError where a call names something that the copy does not know yet."""
        made = {write.made for write in self._unseen() if isinstance(write.made, str)}
        for named in _texts(params):
            if named in made and named.partition("-")[0] in NOT_FOUND:
                code, message = NOT_FOUND[named.partition("-")[0]]
                raise ApiError(code, message.format(named))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
