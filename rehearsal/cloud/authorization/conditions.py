"""The Condition element: operators, their negations, IfExists, Null, ForAllValues and ForAnyValue.

Source: IAM user guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context keys".
"""

import ipaddress
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .patterns import Context, Unresolved, arn_like, like, plain, resolve


class PolicyError(ValueError):
    """A policy has something that is not IAM's, or that this evaluator does not know: never passed over in silence."""


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, found: compare(float(found), float(plain(wanted)))


def _in_network(wanted: str, found: str) -> bool:
    return ipaddress.ip_address(found) in ipaddress.ip_network(plain(wanted), strict=False)


# operator -> whether one value of the policy matches one of the request
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, found: plain(wanted) == found,
    "StringEqualsIgnoreCase": lambda wanted, found: plain(wanted).lower() == found.lower(),
    "StringLike": like,
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "Bool": lambda wanted, found: plain(wanted).lower() == found.lower(),
    "IpAddress": _in_network,
    "NumericEquals": _number(operator.eq),
    "NumericLessThan": _number(operator.lt),
    "NumericLessThanEquals": _number(operator.le),
    "NumericGreaterThan": _number(operator.gt),
    "NumericGreaterThanEquals": _number(operator.ge),
}
_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
}


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Return whether every condition holds in a request. Raises PolicyError for an operator that is not known."""
    known = {key.lower(): _several(value) for key, value in context.items()}
    return all(
        _holds(name, [str(value) for value in _several(wanted)], known.get(key.lower()) or None, context)
        for name, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(name: str, wanted: Sequence[str], found: Sequence[str] | None, context: Context) -> bool:
    qualifier, _, base = name.rpartition(":")
    if base == "Null":
        return all((found is None) == (value.lower() == "true") for value in wanted)
    base, if_exists = base.removesuffix("IfExists"), base.endswith("IfExists")
    negated = base in _NEGATED
    matches = _OPERATORS.get(_NEGATED.get(base, base))
    if matches is None or qualifier not in ("", "ForAllValues", "ForAnyValue"):
        raise PolicyError(f"the condition operator {name} is not known")
    if found is None:
        return if_exists or qualifier == "ForAllValues" or (negated and not qualifier)
    try:
        patterns = [resolve(value, context) for value in wanted]
    except Unresolved:
        return False
    each = [any(matches(pattern, value) for pattern in patterns) != negated for value in found]
    # Without a qualifier the key has a single value; a negation must hold for all that there are.
    return all(each) if qualifier == "ForAllValues" or (negated and not qualifier) else any(each)


def _several(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [str(value).lower()]
    return [value] if isinstance(value, str | int | float) else list(value)
