"""Health answers before any other middleware: is the process alive, is it ready for traffic, did the deployment work?

Copy this file and health.py into one package of the project, and name `HealthMiddleware` *first* in MIDDLEWARE, so that neither
ALLOWED_HOSTS nor SECURE_SSL_REDIRECT, neither a session nor a database is involved. Three paths, each for another client:

    live    is the process alive? Opens no connection: for a process supervisor, and for you in an outage.
    ready   ready for traffic? For the load balancer's target group. 503 while the host is drained, and until the database has
            answered once since the host's boot. After that an outage of the database never fails it: all instances would fail
            together, which does not help, and an Auto Scaling group with ELB health checks would replace all of them.
    deep    does the release work? For the deployment. Asks every database each time: 503 if one fails, or lacks migrations.

A process that answers has imported the URLconf, with the site's views: else its first visitor would wait for that.

Each reports the release and the hash of its static files' manifest. Requests that were forwarded for a visitor (X-Forwarded-For)
get only the status, and 404 for deep. The settings, with their defaults:

    HEALTH_CHECK_LIVE, _READY, _DEEP   the paths: "/health/live/", "/health/ready/", "/health/deep/", with or without the last
                                       slash; None: there is no such path
    HEALTH_CHECK_STATE                 a folder of the host that a boot empties, "/run/shop" for example, where the site may
                                       write. While the file `draining` is in it no process of the host is ready; `answered` is
                                       written there once the database has answered. None: no draining, and each process
                                       learns by itself whether the database has answered
    REVISION, HEALTH_CHECK_TIMEOUT, HEALTH_CHECK_DATABASES   see health.py

For WSGI and ASGI, Django 4.2 to 6.1.
"""

from __future__ import annotations

import json
import logging
import os.path
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse
from django.urls import get_resolver

from .health import databases_answer, migrations, round_trip

logger = logging.getLogger(__name__)

Key = tuple[str, str]  # app and name
HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}


class HealthMiddleware:
    """Answer the three paths, and pass on everything else."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        state = getattr(settings, "HEALTH_CHECK_STATE", None)
        self._draining = os.path.join(state, "draining") if state else None  # noqa: PTH118  (asked each time: a Path is slow)
        self._memory = Path(state, "answered") if state else None
        self._answered = False
        self._ok = b""
        paths = {
            getattr(settings, "HEALTH_CHECK_LIVE", "/health/live/"): self._live,
            getattr(settings, "HEALTH_CHECK_READY", "/health/ready/"): self._ready,
            getattr(settings, "HEALTH_CHECK_DEEP", "/health/deep/"): self._deep,
        }
        stems = {path.rstrip("/"): answer for path, answer in paths.items() if path}
        self._paths = {f"{stem}{end}": answer for stem, answer in stems.items() for end in ("", "/")}
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        _import_urls()

    def __call__(self, request: HttpRequest) -> Any:
        """Answer or pass on; a coroutine where the next middleware is one."""
        answer = self._paths.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        return self._answer_async(request, answer) if self._is_async else self._answer(request, answer)

    async def _answer_async(self, request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
        # Only paths that may query a database need a thread: the others must answer even when all threads wait for it.
        if answer == self._live or (answer == self._ready and self._answered):
            return self._answer(request, answer)
        return await sync_to_async(self._answer, thread_sensitive=False)(request, answer)

    def _answer(self, request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
        forwarded = "HTTP_X_FORWARDED_FOR" in request.META
        if forwarded and answer == self._deep:
            return HttpResponse(status=404, headers=HEADERS)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={**HEADERS, "Allow": "GET, HEAD"})
        response = answer()
        if forwarded:
            response.content = b""
        if response.status_code == 503:
            # Else Django logs each answer as an error, and mails it to ADMINS if configured. Failures are logged here.
            response._has_been_logged = True
        return response

    def _live(self) -> HttpResponse:
        if not self._ok:
            release = _release()
            content = json.dumps({"status": "ok", **release})
            if release["static"] is None:  # the manifest may appear later
                return HttpResponse(content, headers=HEADERS)
            self._ok = content.encode()
        return HttpResponse(self._ok, headers=HEADERS)

    def _ready(self) -> HttpResponse:
        if self._draining is not None and os.path.exists(self._draining):  # noqa: PTH110
            return _unavailable("draining")
        if self._answered or self._has_answered():
            return self._live()
        return _unavailable("starting")

    def _has_answered(self) -> bool:
        """Return whether the database has answered any process of this host since its boot, querying it if none has."""
        if self._memory is not None and self._memory.exists():
            self._answered = True
        elif databases_answer(round_trip):
            self._answered = True
            if self._memory is not None:
                try:
                    self._memory.touch()
                except OSError as error:
                    logger.warning("Health check: processes that start later must ask the database themselves: %s", error)
        return self._answered

    def _deep(self) -> HttpResponse:
        unapplied: list[str] = []
        if not databases_answer(lambda connection: unapplied.extend(unapplied_migrations(connection))):
            return _unavailable("error")
        if unapplied:
            logger.error("Health check: migrations are not applied: %s", ", ".join(sorted(unapplied)))
            return _unavailable("error", unapplied=sorted(set(unapplied)))
        return self._live()


def unapplied_migrations(connection: Any) -> list[str]:
    """Return the migrations of this release, as app.name, that the database lacks; a newer release may have applied more."""
    # Not by the recorder: it would use the thread's own connection, which is never closed.
    rows = migrations(connection)
    if rows is None:
        return []
    applied = {(app, name) for app, name in rows}
    nodes, replaces = _migrations()

    def is_applied(key: Key) -> bool:
        # A replaced migration may be squashed itself (Django 6.0).
        return key in applied or (key in replaces and all(map(is_applied, replaces[key])))

    return [f"{app}.{name}" for app, name in nodes if not is_applied((app, name))]


@cache
def _migrations() -> tuple[list[Key], dict[Key, list[Key]]]:
    """Return the migrations of the running release, and those that each squashed migration replaces; read once."""
    loader = MigrationLoader(None)
    replaces = {key: [(app, name) for app, name in m.replaces] for key, m in loader.disk_migrations.items() if m.replaces}
    return list(loader.graph.nodes), replaces


def _import_urls() -> None:
    """Import the URLconf while the process starts: Django does it at the first page, and the visitor would wait for all views."""
    try:
        get_resolver().url_patterns  # noqa: B018
    except Exception:  # noqa: BLE001  (of the site's own code: its pages fail with it, and health still answers)
        logger.exception("Health check: the URLconf cannot be imported")


def _release() -> dict[str, str | None]:
    """Return the revision of this process, and the hash of its manifest, None where there is none."""
    return {
        "revision": getattr(settings, "REVISION", None),
        "static": getattr(staticfiles_storage, "manifest_hash", None) or None,
    }


def _unavailable(status: str, **more: Any) -> HttpResponse:
    return HttpResponse(json.dumps({"status": status, **_release(), **more}), status=503, headers=HEADERS)
