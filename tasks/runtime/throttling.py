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
# Of a call that reads: up to three minutes. One that writes has to come before the lock's lease ends: less than one.
ATTEMPTS, WRITES = 40, 13
# Operations that change nothing, by the first word of their name.
READING = ("Assume", "Describe", "Get", "List")
LONGEST = 5.0  # seconds between two attempts


_KEY = "ramped_throttled"  # of a call's context: how often it was throttled


def retry(response: Any, operation: Any, request_dict: Any, **_: Any) -> float | None:
    """Handle botocore's event `needs-retry`: keep trying a throttled call.

    botocore gives up sooner, at once where earlier retries of a long rollout have used up its quota, and waits up to 20 s, though
    this client makes few calls. Its limiter, which slows down together with others, stays. What botocore retries besides, such as
    a lack of capacity, does not count here.

    `response`: the HTTP response and what was parsed of it, or None; `operation`: botocore's OperationModel; `request_dict`: the
    request with its context. Returns the seconds to wait before the next attempt, or None where botocore decides.
    """
    if response is None or response[1].get("Error", {}).get("Code") not in THROTTLED:
        return None
    times = request_dict["context"][_KEY] = request_dict["context"].get(_KEY, 0) + 1
    if times >= (ATTEMPTS if operation.name.startswith(READING) else WRITES):
        return None
    # Imported here: it costs `--list` more than the rest of this module.
    import random

    return random.uniform(0, min(2.0 ** (times - 1), LONGEST))
