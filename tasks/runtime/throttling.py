"""Throttled calls: how long to wait before the next attempt, and when to give up."""

from __future__ import annotations

from typing import Any

# Error codes of throttling (botocore's guide "Retries"; EC2's page "API throttling").
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
ATTEMPTS = 40  # of a call: one or two minutes
LONGEST = 5.0  # seconds between two attempts


def retry(response: Any, attempts: int, **_: Any) -> float | None:
    """Handle botocore's event `needs-retry`: keep trying a throttled call.

    botocore gives up sooner, at once where earlier retries of a long rollout have used up its quota, and waits up to 20 s, though
    this client makes few calls. Its limiter, which slows down together with others, stays.

    `response`: the HTTP response and what was parsed of it, or None; `attempts`: made so far. Returns the seconds to wait before
    the next one, or None where botocore decides.
    """
    if response is None or attempts >= ATTEMPTS or response[1].get("Error", {}).get("Code") not in THROTTLED:
        return None
    # Imported here: it costs `--list` more than the rest of this module.
    import random

    return random.uniform(0, min(2.0 ** (attempts - 1), LONGEST))
