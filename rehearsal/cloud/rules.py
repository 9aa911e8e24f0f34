"""A listener's rules, as an Application Load Balancer follows them: the first by priority whose conditions all hold.

Known conditions: path-pattern, host-header, http-header, source-ip; known actions: forward and fixed-response. Source: the
Application Load Balancer guide, "Listener rules".
"""

import fnmatch
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """The parts of a request that rules match."""

    path: str
    source: str
    header: Callable[[str], str]


@dataclass(frozen=True)
class Fixed:
    """A rule's fixed response."""

    status: int
    content_type: str
    body: bytes


def fixed(rules: Iterable[Any], asked: Asked) -> Fixed | None:
    """Return the answer of the rule that holds (moto's records of them); None where it forwards."""
    ordered = sorted(rules, key=lambda rule: int(rule.priority) if not rule.is_default else 10**6)
    for rule in ordered:
        if all(_holds(condition, asked) for condition in rule.conditions):
            return _answer(rule.actions[-1].data)
    return None


def _answer(action: Mapping[str, Any]) -> Fixed | None:
    if action["Type"] != "fixed-response":
        return None
    config = action["FixedResponseConfig"]
    return Fixed(int(config["StatusCode"]), config.get("ContentType", "text/plain"), config.get("MessageBody", "").encode())


def _holds(condition: Mapping[str, Any], asked: Asked) -> bool:
    field = condition["Field"]
    if field == "source-ip":
        address = ipaddress.ip_address(asked.source)
        return any(address in ipaddress.ip_network(network) for network in condition["SourceIpConfig"]["Values"])
    if field == "http-header":
        config = condition["HttpHeaderConfig"]
        return _matches(asked.header(config["HttpHeaderName"]).lower(), [value.lower() for value in config["Values"]])
    if field == "path-pattern":
        return _matches(asked.path.partition("?")[0], _values(condition, "PathPatternConfig"))
    if field == "host-header":
        host = asked.header("host").partition(":")[0].lower()
        return _matches(host, [value.lower() for value in _values(condition, "HostHeaderConfig")])
    raise ValueError(f"the stand-in cloud does not know the condition {field}")


def _values(condition: Mapping[str, Any], config: str) -> list[str]:
    return list(condition.get(config, {}).get("Values") or condition.get("Values") or [])


def _matches(text: str, patterns: Iterable[str]) -> bool:
    # "*" and "?" are wild there, "[" is not
    return any(fnmatch.fnmatchcase(text, pattern.replace("[", "[[]")) for pattern in patterns)
