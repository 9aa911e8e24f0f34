"""The view that the load balancer and the deployment ask: does this process answer, with which release, and its database?

Copy this file into the project and give the view a path (settings_snippets/django/urls.py has the lines). Its settings:

    REVISION                the release that runs, read in settings.py: under `gunicorn --preload` a reload keeps old settings
                            with new URLs, so a revision read anywhere else would lie
    HEALTH_CHECK_TIMEOUT    seconds for the answers of all databases together, 2 without it; less than the target group's timeout
    HEALTH_CHECK_DATABASES  the aliases of the databases to ask, ["default"] without it; each one migrated by Django

A database is asked over a connection of its own, for a row of a table that every migrated database has: an answer from a cache,
or from a file that SQLite has just made, counts for nothing. It is asked in a thread, because no driver promises to come back
in time. Made for Django 4.2 to 5.2.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import Error, connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import load_backend
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import View

logger = logging.getLogger(__name__)

MAX_PROBES = 8  # threads that a frozen database can hold in one process
_slots = threading.BoundedSemaphore(MAX_PROBES)


@method_decorator(never_cache, name="dispatch")
class ApplicationStatus(View):
    """Answer 200 with the revision when every database answers in time, else 500; what went wrong is in the log alone."""

    http_method_names = ["get", "head"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponse]:
        """Return the view, outside of ATOMIC_REQUESTS, which would wait for the database without a deadline."""
        view = super().as_view(**initkwargs)
        view.login_required = False  # for the LoginRequiredMiddleware of Django 5.1
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view  # type: ignore[no-any-return]

    def get(self, request: HttpRequest) -> HttpResponse:
        """Ask the databases at once, and wait for all of them."""
        if databases_answer(round_trip):
            return JsonResponse({"status": "ok", "revision": getattr(settings, "REVISION", None)})
        return JsonResponse({"status": "error"}, status=500)


def databases_answer(question: Callable[[Any], None]) -> bool:
    """Ask all databases of the settings at once, and wait for all of them, at most HEALTH_CHECK_TIMEOUT.

    Args: question: asks over the fresh connection that it is given, in a thread; its exceptions are logged.
    Returns: whether each one answered in time and without an exception.
    """
    deadline = time.monotonic() + getattr(settings, "HEALTH_CHECK_TIMEOUT", 2)
    aliases = getattr(settings, "HEALTH_CHECK_DATABASES", ["default"])
    probes = [start_probe(alias, question, deadline) for alias in aliases]
    return all([probe is not None and probe.answered(deadline) for probe in probes])


def start_probe(alias: str, question: Callable[[Any], None], deadline: float) -> Probe | None:
    """Start to ask one database.

    Args: alias: of the database. question: see databases_answer. deadline: time.monotonic() in seconds until which to
        wait for one of the MAX_PROBES slots.
    Returns: the thread, or None when earlier ones still hold every slot.
    """
    if not _slots.acquire(timeout=max(0, deadline - time.monotonic())):
        logger.error("Health check: %d earlier checks still wait for a database, %r was not asked", MAX_PROBES, alias)
        return None
    probe = Probe(alias, question)
    try:
        probe.start()
    except RuntimeError:
        _slots.release()
        raise
    return probe


class Probe(threading.Thread):
    """Ask one database in a thread; a daemon, so that a frozen database does not keep the process from stopping."""

    def __init__(self, alias: str, question: Callable[[Any], None]) -> None:
        super().__init__(name=f"health-check-{alias}", daemon=True)
        self.alias = alias
        self.question = question
        self.healthy = False
        self.done = threading.Event()

    def run(self) -> None:
        """Ask over a connection of its own, and give the slot back; odd exceptions go to threading.excepthook."""
        try:
            connection = _fresh_connection(self.alias)
            try:
                self.question(connection)
            finally:
                connection.close()
            self.healthy = True
        except (Error, OSError):
            logger.exception("Health check: the database %r failed", self.alias)
        finally:
            self.done.set()
            _slots.release()

    def answered(self, deadline: float) -> bool:
        """Wait for the answer until the deadline (time.monotonic() in seconds); return whether it came and was good."""
        if not self.done.wait(max(0, deadline - time.monotonic())):
            logger.error("Health check: the database %r did not answer in time", self.alias)
        return self.healthy


def round_trip(connection: Any) -> None:
    """Read one row of a table that every migrated database has."""
    table = connection.ops.quote_name(MigrationRecorder.Migration._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
        cursor.fetchone()


def _fresh_connection(alias: str) -> Any:
    """Return a connection that nobody else uses, with deadlines of the driver's own so that its thread ends some day."""
    configured = connections.settings[alias]
    options = {name: value for name, value in configured["OPTIONS"].items() if name != "pool"}
    wrapper = load_backend(configured["ENGINE"]).DatabaseWrapper
    if wrapper.vendor == "postgresql":
        # libpq, "Database Connection Control Functions": in seconds, and in milliseconds.
        options = {"connect_timeout": 5, "tcp_user_timeout": 5000} | options
    return wrapper({**configured, "OPTIONS": options}, alias)
