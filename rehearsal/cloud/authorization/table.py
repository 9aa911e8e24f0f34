"""From an API call to the actions, resources and condition keys that IAM is asked about."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .compute import ec2, instance_connect
from .evaluate import Request
from .facts import Facts
from .scaling import autoscaling
from .services import balancing, cloudfront, cloudwatch, databases, quotas, systems_manager, tokens

Table = Callable[[str, Mapping[str, Any], Facts], Iterator[Request] | None]

# By the names that the stand-in has for services (see aws_protocol.MODELS).
_TABLES: Mapping[str, Table] = {
    "ec2": ec2,
    "ec2-instance-connect": instance_connect,
    "autoscaling": autoscaling,
    "elbv2": balancing,
    "cloudfront": cloudfront,
    "ssm": systems_manager,
    "cloudwatch": cloudwatch,
    "rds": databases,
    "service-quotas": quotas,
    "sts": tokens,
}


class Unmapped(LookupError):
    """An API call that the table does not contain: what it needs is not known."""


def requests(service: str, action: str, params: Mapping[str, Any], facts: Facts) -> list[Request]:
    """Return everything that an API call needs, all of which must be allowed.

    Raises Unmapped for a call that is not in the table.
    """
    table = _TABLES.get(service)
    found = table(action, params, facts) if table else None
    if found is None:
        raise Unmapped(f"{service}:{action}")
    return list(found)
