"""Notices by webhook, in a thread of their own: a service that does not answer neither slows a run nor fails it."""

from __future__ import annotations

import functools
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..decisions.reporting.events import Event
from ..decisions.reporting.notices import Form, body, is_due, webhooks
from ..errors import SettingsError
from ..settings.model import Notices
from .outbox import Outbox

VARIABLE = "RAMPED_WEBHOOKS"
_WAITING = 20  # notices


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the body is for this address alone."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def addresses(settings: Notices, environment: Mapping[str, str], hide: Callable[[str], None]) -> list[tuple[Form, str]]:
    """Return form and address of each webhook, from the file of the settings or the environment; `hide` masks them.

    Raises SettingsError.
    """
    source, content = VARIABLE, environment.get(VARIABLE, "")
    if settings.webhooks is not None:
        source = f"notices.webhooks: {settings.webhooks}"
        try:
            content = Path(settings.webhooks).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{source}: {error}; allowed: a readable text file, or null") from error
    try:
        found = webhooks(content)
    except ValueError as error:
        raise SettingsError(f"{source}: {error}") from error
    for _, address in found:
        hide(address)
        hide(urlsplit(address).path)
    return found


class Webhooks:
    """Send the events that are due to every webhook; a failure is a warning, without the address.

    `timeout`: seconds for an answer; `warn` shows a warning.
    """

    def __init__(self, settings: Notices, found: list[tuple[Form, str]], warn: Callable[[str], None]) -> None:
        self._settings = settings
        self._warn = warn
        self._opener = urllib.request.build_opener(_Stay)
        # Each has a thread of its own: what does not answer keeps no notice from the others.
        self._services = {
            f"webhook {number} ({urlsplit(address).hostname})": (form, address) for number, (form, address) in enumerate(found, 1)
        }
        self._outboxes: dict[str, Outbox[Event]] = {
            name: Outbox(functools.partial(self._send, name), _WAITING) for name in self._services
        }

    def take(self, event: Event) -> None:
        """Send an event, if it is due, behind those that wait."""
        if is_due(event, self._settings.events, self._settings.commands):
            for outbox in self._outboxes.values():
                outbox.put(event)

    def close(self) -> None:
        """Wait for what is left, no longer than an answer may take."""
        end = time.monotonic() + self._settings.timeout
        for outbox in self._outboxes.values():
            outbox.finish()
        for name, outbox in self._outboxes.items():
            if not outbox.close(max(0.0, end - time.monotonic())) or outbox.dropped:
                self._warn(f"notices: {name}: no answer within {self._settings.timeout:g} s: not all were sent")

    def _send(self, name: str, event: Event) -> None:
        form, address = self._services[name]
        if why := self._post(address, json.dumps(body(event, form)).encode()):
            self._warn(f"notices: {name}: {why}")

    def _post(self, address: str, data: bytes) -> str:
        """Return why it failed, or an empty text."""
        headers = {"Content-Type": "application/json", "User-Agent": "ramped"}
        request = urllib.request.Request(address, data, headers, method="POST")  # noqa: S310 - http or https, by `webhooks`
        try:
            with self._opener.open(request, timeout=self._settings.timeout) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            return f"it answered {error.code}"
        except (OSError, HTTPException, ValueError) as error:
            return self._reason(getattr(error, "reason", error))
        return ""

    def _reason(self, cause: object) -> str:
        """Return why a request failed, without the text of the error, which may have the address."""
        if isinstance(cause, TimeoutError):
            return f"no answer within {self._settings.timeout:g} s"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {getattr(cause, 'verify_message', '') or (cause.reason or 'failed').replace('_', ' ').lower()}"
        return f"{getattr(cause, 'strerror', None) or type(cause).__name__}"


def of_environment(settings: Notices, hide: Callable[[str], None], warn: Callable[[str], None]) -> Webhooks | None:
    """Return the webhooks of this operator, or None without any. Raises SettingsError."""
    found = addresses(settings, os.environ, hide)
    return Webhooks(settings, found, warn) if found else None
