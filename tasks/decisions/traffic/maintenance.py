"""Which listener rules put a page in front of a site, and which are removed again.

A rule of ours stands right before each rule that forwards to the site, under the same conditions: other sites of the same load
balancer are not touched. Bypasses for the team stand before it. Source: Elastic Load Balancing, "Listener rules for
your Application Load Balancer" (priorities 1 to 50,000, the default rule last).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT = 50_001  # the default rule comes after every priority
LONGEST = 1024  # bytes of a fixed answer
VALUES = 5  # of all conditions of one rule ("Quotas for your Application Load Balancers")
PAGE, BYPASS = "page", "bypass"
_ANY = ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["*"]}},)

Conditions = tuple[Mapping[str, Any], ...]
Actions = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Rule:
    """A rule of a listener; `ours`: page, bypass or empty; `serves`: it forwards to the site."""

    arn: str
    priority: int
    conditions: Conditions
    actions: Actions
    serves: bool = False
    ours: str = ""
    transforms: Actions = ()  # of host or path, before forwarding


@dataclass(frozen=True)
class Listener:
    """A listener and its rules."""

    arn: str
    name: str  # for people: protocol, port and load balancer
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Front:
    """The maintenance rules: the page's actions, and the conditions of each bypass."""

    page: Actions
    bypasses: tuple[Conditions, ...] = ()


@dataclass(frozen=True)
class Make:
    """Make a rule."""

    listener: str
    ours: str
    priority: int
    conditions: Conditions = field(repr=False)  # with the team's secret
    actions: Actions = field(repr=False)
    transforms: Actions = field(repr=False, default=())


@dataclass(frozen=True)
class Change:
    """Change the actions of a rule of ours."""

    arn: str
    actions: Actions = field(repr=False)


@dataclass(frozen=True)
class Drop:
    """Delete a rule of ours."""

    arn: str


class NoRoom(Exception):
    """A listener has no free priority for the page."""


class NoBypass(Exception):
    """A rule for which no bypass can be made."""


def serving(listeners: Iterable[Listener]) -> list[Listener]:
    """Return the listeners that forward to the site."""
    return [listener for listener in listeners if any(rule.serves and not rule.ours for rule in listener.rules)]


def to_show(listeners: Sequence[Listener], front: Front) -> list[Make | Change | Drop]:
    """Return the remaining steps to show the page: first the bypasses, then the page.

    Raises NoRoom, NoBypass.
    """
    steps = [step for listener in serving(listeners) for step in _of_listener(listener, front)]
    return sorted(steps, key=lambda step: isinstance(step, Drop) * 2 + (isinstance(step, Make) and step.ours == PAGE))


def to_hide(listeners: Sequence[Listener]) -> list[Make | Change | Drop]:
    """Return the remaining steps to remove our rules: first the page, then the bypasses."""
    ours = [rule for listener in listeners for rule in listener.rules if rule.ours]
    return [Drop(rule.arn) for rule in sorted(ours, key=lambda rule: rule.ours != PAGE)]


def _of_listener(listener: Listener, front: Front) -> Iterator[Make | Change | Drop]:
    kept: set[str] = set()
    for served in [rule for rule in listener.rules if rule.serves and not rule.ours]:
        wanted = [(BYPASS, conditions, served.actions) for conditions in _bypasses(listener, served, front)]
        wanted.append((PAGE, served.conditions or _ANY, front.page))
        there = [_found(listener, served, ours, conditions) for ours, conditions, _ in wanted]
        kept |= {rule.arn for rule in there if rule}
        free = _room(listener, served, sum(rule is None for rule in there), [rule for rule in there[:-1]], there[-1])
        for (ours, conditions, actions), rule in zip(wanted, there, strict=True):
            if rule is None:
                transforms = served.transforms if ours == BYPASS else ()
                yield Make(listener.arn, ours, free.pop(0), conditions, actions, transforms)
            elif not _alike(rule.actions, actions):
                yield Change(rule.arn, actions)
    yield from (Drop(rule.arn) for rule in listener.rules if rule.ours and rule.arn not in kept)


def _bypasses(listener: Listener, served: Rule, front: Front) -> Iterator[Conditions]:
    """Yield the conditions of each bypass rule; a list of values that is too long for one rule is split."""
    if not front.bypasses:
        return
    where = _place(listener, served)
    if any(action["Type"] == "authenticate-oidc" for action in served.actions):
        raise NoBypass(
            f"{where} signs visitors in (authenticate-oidc), and a copy of it would need the client secret, which AWS does not"
            " show: use the page without maintenance.bypass_header and bypass_addresses"
        )
    left = VALUES - sum(len(_values(condition)) for condition in served.conditions)
    if left < 1:
        raise NoBypass(f"{where} has {VALUES} values in its conditions, the maximum for a rule: none is left for a bypass")
    for conditions in front.bypasses:
        (condition,) = conditions
        ((config, values),) = [(key, value) for key, value in condition.items() if key != "Field"]
        for start in range(0, len(values["Values"]), left):
            part = {**values, "Values": values["Values"][start : start + left]}
            yield (*served.conditions, {**condition, config: part})


def _values(condition: Mapping[str, Any]) -> Sequence[Any]:
    """Return the values of a condition, in either of its two forms."""
    configs = [value["Values"] for value in condition.values() if isinstance(value, Mapping) and "Values" in value]
    found: Sequence[Any] = configs[0] if configs else condition.get("Values", [])
    return found


def _essence(conditions: Conditions) -> list[str]:
    """Return conditions in normal order: AWS returns them, and the values in them, in any order."""

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {name: plain(inner, name) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return sorted((plain(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
        return value.lower() if key == "HttpHeaderName" and isinstance(value, str) else value

    return sorted(json.dumps(plain(condition), sort_keys=True) for condition in conditions)


def _alike(ours: Actions, wanted: Actions) -> bool:
    """Return whether actions do the same: AWS returns more fields of a rule than it was created with."""

    def essence(actions: Actions) -> list[Any]:
        found: list[Any] = []
        for action in actions:
            groups = action.get("ForwardConfig", {}).get("TargetGroups") or [{"TargetGroupArn": action.get("TargetGroupArn")}]
            targets = sorted((str(group["TargetGroupArn"]), group.get("Weight", 1)) for group in groups)
            configs = {key: value for key, value in action.items() if key.endswith("Config") and key != "ForwardConfig"}
            found.append((action["Type"], targets if action["Type"] == "forward" else configs))
        return found

    return essence(ours) == essence(wanted)


def _before(listener: Listener, served: Rule) -> int:
    """Return the priority of the last foreign rule before this rule."""
    return max((rule.priority for rule in listener.rules if not rule.ours and rule.priority < served.priority), default=0)


def _found(listener: Listener, served: Rule, ours: str, conditions: Conditions) -> Rule | None:
    last = _before(listener, served)
    for rule in listener.rules:
        if rule.ours != ours or not last < rule.priority < served.priority or _essence(rule.conditions) != _essence(conditions):
            continue
        if ours == PAGE or rule.transforms == served.transforms:
            return rule
    return None


def _room(listener: Listener, served: Rule, missing: int, bypasses: Sequence[Rule | None], page: Rule | None) -> list[int]:
    """Return free priorities for the missing rules, in order: right before the serving rule, the page last."""
    taken = {rule.priority for rule in listener.rules}
    below = served.priority if page is None else page.priority
    above = max([_before(listener, served), *(rule.priority for rule in bypasses if rule and page is None)])
    free = [priority for priority in range(below - 1, above, -1) if priority not in taken][:missing]
    if len(free) < missing:
        raise NoRoom(
            f"{missing} free priorities are needed right before {_place(listener, served)}: move that rule to a higher priority,"
            " or the rules before it to lower priorities (aws elbv2 set-rule-priorities)"
        )
    return sorted(free)


def _place(listener: Listener, served: Rule) -> str:
    rule = "default rule" if served.priority == DEFAULT else f"rule of priority {served.priority}"
    return f"the {rule} of {listener.name}"


def page_of(own: str | None, retry_after: int) -> str:
    """Return the page: the operator's own, or a plain page that reloads itself.

    `retry_after`: seconds. Raises ValueError when it is too long.
    """
    text = own if own is not None else _PLAIN.format(seconds=retry_after)
    size = len(text.encode())
    if size > LONGEST:
        raise ValueError(f"{size} bytes; allowed: {LONGEST}, the maximum of a fixed response of a load balancer")
    return text


_PLAIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Back soon</title>
<meta http-equiv="Retry-After" content="{seconds}"><meta http-equiv="refresh" content="{seconds}">
<meta name="robots" content="noindex"><meta name="viewport" content="width=device-width"></head>
<body><h1>Under construction</h1><p>We are making changes and will be back soon. This page reloads by itself.</p></body></html>
"""
