"""A preset: AWS as slow and as unkind as its documentation allows it to be. Where it may do either, the seed decides."""

import random
from typing import Any

ZONES = "abc"


def options(seed: int, scale: float) -> dict[str, Any]:
    """Return the options; those in real seconds are what AWS takes on a slow day, at this time scale."""
    either = random.Random(seed)
    return {
        "seed": seed,
        "boot": 45 * scale,
        "power_on": 20 * scale,
        "stop": 40 * scale,
        "terminate": 40 * scale,
        "image": 180 * scale,
        "image_not_found": 15 * scale,
        "invalidation": 120 * scale,
        "console_posted": 600.0,
        "console_kept": 3600.0,
        "connect_unavailable": 90.0,
        "read_lag": 20.0,
        "group_tag_lag": 5.0,
        "shuffle_rules": True,
        "parameter_rest": 30.0,
        "parameter_collisions": 0.1,
        "replace_deregistered": either.random() < 0.5,
        "replace_never_healthy": either.random() < 0.5,
        "terminate_many": either.random() < 0.5,
        "warm_pool_takes": either.choice(("oldest", "newest", "any")),
    }


def faults(seed: int, region: str) -> dict[str, Any]:
    """Return the faults: a share of the calls is throttled, and one zone of three has no capacity."""
    zone = random.Random(seed).choice(ZONES)
    return {"seed": seed, "throttle": 0.05, "no_capacity": -1, "no_capacity_zones": [f"{region}{zone}"]}


def calls_until_others(seed: int) -> int:
    """Return after how many calls another user applies infrastructure as code to the same account."""
    return random.Random(seed).randrange(100, 600)
