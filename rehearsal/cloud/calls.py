"""The log of API calls."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any


class CallLog:
    """Count calls and refusals by action, and remember the last of them in order."""

    def __init__(self, kept: int = 5000) -> None:
        self._counts: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._last: deque[dict[str, Any]] = deque(maxlen=kept)

    @property
    def total(self) -> int:
        """Return how many calls there were."""
        return self._counts.total()

    def came(self, service: str, action: str) -> int:
        """Note a call; return its number, from 1."""
        self._counts[f"{service}:{action}"] += 1
        return self.total

    def went(self, service: str, action: str, at: float, params: Mapping[str, Any], error: str | None) -> None:
        """Note how a call ended; `error` is its error code, `at` is seconds since the epoch."""
        if error:
            self._rejected[f"{service}:{action}"] += 1
        if not action.startswith(("Describe", "Get", "List")) and error != "DryRunOperation":
            self._last.append({"action": f"{service}:{action}", "at": at, "params": dict(params), "error": error})

    def report(self) -> dict[str, Any]:
        """Return totals, counts by action, and the changing calls in order."""
        actions = {name: {"count": count, "rejected": self._rejected[name]} for name, count in sorted(self._counts.items())}
        return {"total": self.total, "rejected": self._rejected.total(), "actions": actions, "changes": list(self._last)}

    def clear(self) -> None:
        """Begin again at zero."""
        self._counts.clear()
        self._rejected.clear()
        self._last.clear()
