"""What a check demands, and what follows from what: conditions are nested tuples.

("and", ...), ("or", ...), ("not", condition), ("is", what, operator, value), ("other", text). A check lets pass what is not
false, so NULL passes: "follows" means here that what the first lets pass the second lets pass too.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

Condition = tuple[Any, ...]
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def follows(known: Iterable[Condition], demanded: Condition) -> bool:
    """Return whether rows that obey all known conditions obey the demanded one; False where that is unknown."""
    premises = list(known)
    if demanded[0] == "and":
        return all(follows(premises, part) for part in demanded[1:])
    if any(_implies(premise, demanded) for premise in premises):
        return True
    return demanded[0] == "or" and any(follows(premises, part) for part in demanded[1:])


def columns_in(condition: Condition) -> set[str]:
    """Return the columns of which a condition is known to say something."""
    kind, *parts = condition
    return {parts[0]} if kind == "is" else {name for part in parts if kind != "other" for name in columns_in(part)}


def _implies(known: Condition, demanded: Condition) -> bool:
    if known == demanded:
        return True
    if known[0] == "and":
        return any(_implies(part, demanded) for part in known[1:])
    if known[0] == "or":
        return all(follows([part], demanded) for part in known[1:])
    if demanded[0] == "and":
        return all(_implies(known, part) for part in demanded[1:])
    if demanded[0] == "or":
        return any(_implies(known, part) for part in demanded[1:])
    return known[0] == demanded[0] == "is" and known[1] == demanded[1] and _narrower(known[2:], demanded[2:])


def _narrower(known: tuple[str, Any], demanded: tuple[str, Any]) -> bool:
    (how, value), (other, bound) = known, demanded
    values = value if how == "in" else (value,) if how == "exact" else None
    if values is not None:
        return all(one in bound if other == "in" else _holds(one, other, bound) for one in values)
    pairs = {("gt", "gt"), ("gt", "gte"), ("gte", "gte"), ("lt", "lt"), ("lt", "lte"), ("lte", "lte")}
    if not _numbers(value, bound):
        return False
    if (how, other) in pairs:
        return bool(value >= bound if how[0] == "g" else value <= bound)
    return bool((how, other) == ("gte", "gt") and value > bound) or bool((how, other) == ("lte", "lt") and value < bound)


def _holds(value: Any, how: str, bound: Any) -> bool:
    if how == "exact":
        return bool(value == bound)
    return how in _COMPARE and _numbers(value, bound) and _COMPARE[how](value, bound)


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, numbers.Number) and not isinstance(value, complex) for value in values)


def outcomes(condition: Condition, known: Mapping[str, Any]) -> set[bool | None]:
    """Return what a condition may yield (None: NULL) where only the values of some columns are known."""
    kind, *parts = condition
    if kind == "not":
        return {None if one is None else not one for one in outcomes(parts[0], known)}
    if kind in ("and", "or"):
        decisive = kind == "or"
        every = product(*(outcomes(part, known) for part in parts))
        return {decisive if decisive in found else None if None in found else not decisive for found in every}
    if kind != "is" or parts[0] not in known:
        return {True, False, None}
    _, how, bound = parts
    value = known[parts[0]]
    if how == "isnull":
        return {(value is None) == bound}
    if value is None:
        return {None}
    if how == "in":
        return {value in bound}
    if how == "exact" or (how in _COMPARE and _numbers(value, bound)):
        return {_holds(value, how, bound)}
    return {True, False, None}
