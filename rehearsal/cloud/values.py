"""Values of parsed JSON, of the kind that is wanted: what comes over HTTP may be anything."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args, get_origin

Values = Mapping[str, Any]
_MOST = 1e10  # of a number with decimals: some 300 years of seconds, which every clock can count


def parsed(body: bytes) -> Values:
    """Return a body, which has to be a JSON object; an empty one counts as that. Raises ValueError."""
    try:
        found = json.loads(body or b"{}")
    except RecursionError:
        raise ValueError("the body is nested too deeply") from None
    checked: Values = _as(found, dict[str, Any], "the body")
    return checked


def text(values: Values, name: str) -> str:
    """Return a text. Raises KeyError, ValueError."""
    found: str = _as(values[name], str, name)
    return found


def whole(values: Values, name: str) -> int:
    """Return a whole number. Raises KeyError, ValueError."""
    found: int = _as(values[name], int, name)
    return found


def number(values: Values, name: str) -> float:
    """Return a number from 0 to 1e10. Raises KeyError, ValueError."""
    found: float = _as(values[name], float, name)
    return found


def objects(values: Values, name: str) -> list[Values]:
    """Return a list of JSON objects. Raises KeyError, ValueError."""
    found: list[Values] = _as(values[name], list[dict[str, Any]], name)
    return found


def numbers(values: Values, name: str) -> Mapping[str, float]:
    """Return numbers by their names. Raises KeyError, ValueError."""
    found: Mapping[str, float] = _as(values[name], dict[str, float], name)
    return found


def fill(target: Any, values: Values, what: str) -> None:
    """Set fields of a dataclass, all of them or none. `what`: they are called. Raises ValueError."""
    known = {field.name: field.type for field in fields(target)}
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"no such {what}: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    for name, value in {name: _as(value, known[name], name) for name, value in values.items()}.items():
        setattr(target, name, value)


_SHOWN = {str: "a text", int: "a whole number", float: f"a number from 0 to {_MOST:g}", bool: "true or false"}


def _as(value: Any, kind: Any, name: str) -> Any:
    if not _is(value, kind):
        raise ValueError(f"{name}: found {repr(value)[:60]}; allowed: {_SHOWN.get(kind, kind)}")
    return value


def _is(value: Any, kind: Any) -> bool:
    inner = get_args(kind)
    if get_origin(kind) is dict:
        return isinstance(value, dict) and all(_is(one, inner[1]) for one in value.values())
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is(one, inner[0]) for one in value)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST
    return kind is Any or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool)))
