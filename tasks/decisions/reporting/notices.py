"""Notices to other services: which events are worth a notice, and in which form."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from .events import Event
from .outcomes import WORDS

Form = Literal["slack", "json"]
_AS = {"ok": "success", "interrupted": "interrupted"}
_LONGEST = 2000  # characters of a text: Slack shortens what is longer than some thousand


def is_due(event: Event, wanted: Sequence[str], commands: Sequence[str]) -> bool:
    """Return whether an event is worth a notice; `wanted` as in notices.events."""
    if event.command not in commands:
        return False
    if event.event == "run-began":
        return "start" in wanted
    if event.event == "crashed":
        return "crash" in wanted
    return event.event == "run-ended" and _AS.get(str(event.outcome), "failure") in wanted


def text(event: Event) -> str:
    """Return an event in words, on a line, and below it what was said."""
    words = "begins" if event.event == "run-began" else "never ended: its process is gone"
    if event.event == "run-ended" and event.outcome:
        words = WORDS[event.outcome]
    facts = event.facts
    about = [f"revision {facts['revision'][:12]}"] if facts.get("revision") else []
    about += [f"{facts['from_versions']} -> {facts['to_versions']}"] if facts.get("to_versions") else []
    took = f" after {event.seconds:.0f} s" if event.seconds is not None else ""
    first = f"{event.command} of {facts.get('groups', '')} {words}{took}, by {event.by}"
    return "\n".join([", ".join([first, *about]), *([event.text] if event.text else [])])[:_LONGEST]


def body(event: Event, form: Form) -> dict[str, Any]:
    """Return what is sent: Slack's form has one field, in which & < > are escaped (Slack, "Formatting text")."""
    if form == "json":
        return event.as_json() | {"text": text(event)}
    return {"text": text(event).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def webhooks(content: str) -> list[tuple[Form, str]]:
    """Return form and address of each webhook: a line each, the form in front or by the host; # begins a comment.

    Only over TLS, except to this machine: the address is a secret.
    Raises ValueError with the number of a wrong line, never its content: an address is a secret.
    """
    found: list[tuple[Form, str]] = []
    for number, line in enumerate(content.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        form = words.pop(0) if len(words) == 2 else None
        try:
            address = urlsplit(words[0])
            host = address.hostname
        except ValueError as error:
            raise ValueError(f"line {number} is no address") from error
        secret = address.scheme == "https" or (address.scheme == "http" and _is_here(host or ""))
        if len(words) != 1 or form not in ("slack", "json", None) or not secret or not host:
            raise ValueError(f"line {number}: allowed: an address that begins with https://, behind slack or json if needed")
        slack = form == "slack" or (form is None and host == "hooks.slack.com")
        found.append(("slack" if slack else "json", words[0]))
    return found
