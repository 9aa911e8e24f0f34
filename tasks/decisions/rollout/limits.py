"""Limits of error rate and latency of a target group: whether its last minutes exceed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Below this a few requests decide: one error of ten is no error rate.
FEWEST = 20
MINUTES = 3  # the newest that CloudWatch has; it needs a minute or two for each


@dataclass(frozen=True)
class Minute:
    """One minute of a target group: answered requests, errors among them, and the latency of 95 % of them in seconds."""

    requests: float
    errors: float = 0.0
    latency: float | None = None


@dataclass(frozen=True)
class Limits:
    """The largest share of errors, from 0 to 1, and the longest latency in seconds; None: any."""

    errors: float | None = None
    latency: float | None = None

    @property
    def any(self) -> bool:
        """Return whether there is a limit."""
        return self.errors is not None or self.latency is not None


def share(percentage: str | None) -> float | None:
    """Return a percentage of the settings as a share."""
    return None if percentage is None else float(percentage.removesuffix("%")) / 100


def exceeded(name: str, minutes: Sequence[Minute], limits: Limits) -> list[str]:
    """Return which limits a target group exceeds; `minutes`: oldest first.

    Errors count over the newest minutes together. A latency must be exceeded in each of the newest two, as one slow minute may be
    the warming of caches.
    """
    newest = list(minutes)[-MINUTES:]
    requests, errors = sum(m.requests for m in newest), sum(m.errors for m in newest)
    found = []
    if limits.errors is not None and requests >= FEWEST and errors / requests > limits.errors:
        found.append(f"{errors / requests:.1%} of the requests to {name} fail (rollout.max_error_rate: {100 * limits.errors:g}%)")
    slow = [m for m in newest[-2:] if m.requests >= FEWEST and m.latency is not None]
    if limits.latency is not None and len(slow) == 2 and all((m.latency or 0.0) > limits.latency for m in slow):
        found.append(f"{name} needs {slow[1].latency:.2f} s for 95 % of the requests (rollout.max_latency: {limits.latency:g})")
    return found
