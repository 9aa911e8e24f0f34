"""The health view for load balancer and deployment: does this process answer, with which release, and its database?

Copy this file into the project and give the view a path (settings_snippets/django/urls.py has the lines). Its settings:

    REVISION                the release that runs, read in settings.py: under `gunicorn --preload` a reload keeps old settings
                            with new URLs, so a revision read anywhere else would lie
    HEALTH_CHECK_TIMEOUT    seconds for the answers of all databases together, 2 without it; less than the target group's timeout
    HEALTH_CHECK_DATABASES  the aliases of the databases to ask, ["default"] without it; each one migrated by Django

A database is asked over a connection of its own, for a row of a table that every migrated database has: an answer from a cache,
or from a file that SQLite has just made, counts for nothing. Where tests make their database without migrations, a table of the
models has to answer. It is asked in a thread, because no driver promises to come back in time; those of PostgreSQL, MySQL and
MariaDB get deadlines, so that the thread ends, and so do those of CockroachDB and SQL Server, as their backends document them.
(SQLite has its own. Any other, Oracle's for example, needs them in the settings, under OPTIONS.)

Made for Django 4.2 to 6.1.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, Error, connections, router, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import load_backend
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.generic import View

logger = logging.getLogger(__name__)

MAX_PROBES = 8  # threads that a frozen database can hold in one process
_slots = threading.BoundedSemaphore(MAX_PROBES)
_idle = threading.Semaphore(0)  # threads that wait for a probe: a new thread for each would cost more than its query
_waiting: SimpleQueue[Probe] = SimpleQueue()


class ApplicationStatus(View):
    """Answer 200 with the revision when every database answers in time, else 500; errors are only logged."""

    http_method_names = ["get", "head"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponse]:
        """Return the view, outside of ATOMIC_REQUESTS, which would wait for the database without a deadline."""
        view = super().as_view(**initkwargs)
        view.login_required = False  # for the LoginRequiredMiddleware of Django 5.1
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view  # type: ignore[no-any-return]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer, never to be cached: like never_cache, without its parsing of the headers."""
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "max-age=0, no-cache, no-store, must-revalidate, private"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        """Query the databases in parallel, and wait for all of them."""
        if databases_answer(round_trip):
            return JsonResponse({"status": "ok", "revision": getattr(settings, "REVISION", None)})
        return JsonResponse({"status": "error"}, status=500)


def databases_answer(question: Callable[[Any], None]) -> bool:
    """Query all databases of the settings in parallel, and wait for all of them, at most HEALTH_CHECK_TIMEOUT.

    Args: question: called with a fresh connection, in a thread; its exceptions are logged.
    Returns: whether each answered in time and without an exception.
    """
    deadline = time.monotonic() + getattr(settings, "HEALTH_CHECK_TIMEOUT", 2)
    aliases = getattr(settings, "HEALTH_CHECK_DATABASES", ["default"])
    probes = [start_probe(alias, question, deadline) for alias in aliases]
    return all([probe is not None and probe.answered(deadline) for probe in probes])


def start_probe(alias: str, question: Callable[[Any], None], deadline: float) -> Probe | None:
    """Start to query one database.

    Args: alias: of the database. question: see databases_answer. deadline: time.monotonic() in seconds until which to
        wait for one of the MAX_PROBES slots.
    Returns: the thread, or None when earlier threads still hold every slot.
    """
    if not _slots.acquire(timeout=max(0, deadline - time.monotonic())):
        logger.error("Health check: %d earlier checks still wait for a database, %r was not asked", MAX_PROBES, alias)
        return None
    if not _idle.acquire(blocking=False):
        try:
            threading.Thread(target=_work, name="health-check", daemon=True).start()
        except RuntimeError:
            _slots.release()
            raise
    probe = Probe(alias, question)
    _waiting.put(probe)
    return probe


class Probe:
    """One query of one database."""

    def __init__(self, alias: str, question: Callable[[Any], None]) -> None:
        self.alias = alias
        self.question = question
        self.healthy = False
        self.done = threading.Event()

    def ask(self) -> None:
        """Query over a new connection; an error other than the database's ends the thread, by threading.excepthook."""
        try:
            connection = _fresh_connection(self.alias)
            try:
                self.question(connection)
            finally:
                connection.close()
            self.healthy = True
        except (Error, OSError):
            logger.exception("Health check: the database %r failed", self.alias)

    def answered(self, deadline: float) -> bool:
        """Wait for the answer until the deadline (time.monotonic() in seconds); return whether it came and was successful."""
        if not self.done.wait(max(0, deadline - time.monotonic())):
            logger.error("Health check: the database %r did not answer in time", self.alias)
        return self.healthy


def _work() -> None:
    """Answer probes, in a thread; a daemon, so that a frozen database does not prevent the process from stopping."""
    while True:
        probe = _waiting.get()
        try:
            probe.ask()
            _idle.release()
        finally:
            _slots.release()
            probe.done.set()


def _forget_threads() -> None:
    global _slots, _idle, _waiting
    _slots, _idle, _waiting = threading.BoundedSemaphore(MAX_PROBES), threading.Semaphore(0), SimpleQueue()


os.register_at_fork(after_in_child=_forget_threads)  # they stay with the parent


def round_trip(connection: Any) -> None:
    """Read one row of a table that the database has."""
    migrations(connection, columns="1", more="LIMIT 1")


def migrations(connection: Any, *, columns: str = "app, name", more: str = "") -> list[Any] | None:
    """Read from the table of the applied migrations.

    Args: connection: where to. columns, more: SQL.
    Returns: the rows; None where tests made the database without migrations: that table is missing, one of the models' answers.
    """
    try:
        return _select(connection, columns, MigrationRecorder.Migration._meta.db_table, more)
    except DatabaseError:
        table = next(_tables(connection.alias), None)
        if table is None:
            raise
        _select(connection, "1", table, "LIMIT 1")
        return None


def _select(connection: Any, columns: str, table: str, more: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {connection.ops.quote_name(table)} {more}")
        return list(cursor.fetchall())


def _tables(alias: str) -> Iterator[str]:
    for model in apps.get_models():
        meta = model._meta
        if meta.managed and not meta.proxy and not meta.swapped and router.allow_migrate_model(alias, model):
            yield meta.db_table


DEADLINE = 5  # seconds; the view itself answers earlier


def _fresh_connection(alias: str) -> Any:
    """Return a new connection, with timeouts of the driver so that its thread ends eventually."""
    configured = connections.settings[alias]
    options = {name: value for name, value in configured["OPTIONS"].items() if name != "pool"}
    wrapper = load_backend(configured["ENGINE"]).DatabaseWrapper
    return wrapper({**configured, "OPTIONS": _deadlines(wrapper.vendor, configured["ENGINE"]) | options}, alias)


def _deadlines(vendor: str, engine: str) -> dict[str, Any]:
    """Return the driver's options for timeouts; those of the settings have priority."""
    if vendor in ("postgresql", "cockroachdb"):
        # libpq, "Database Connection Control Functions": in seconds, and in milliseconds.
        return {"connect_timeout": DEADLINE, "tcp_user_timeout": DEADLINE * 1000}
    if vendor == "mysql" and engine.startswith("mysql.connector"):
        return {"connection_timeout": DEADLINE}
    if vendor == "mysql":
        # mysqlclient and PyMySQL: in seconds. The timeout of each answer; without them unlimited.
        return dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), DEADLINE)
    if vendor == "microsoft":
        # mssql-django, README, "Optional parameters": in seconds; without retries of a connection.
        return {"connection_timeout": DEADLINE, "query_timeout": DEADLINE, "connection_retries": 1}
    return {}
