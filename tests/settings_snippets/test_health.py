"""The health view over real HTTP, with databases that fail, hang and come back."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.settings_snippets.project import Project, ask, drop_in, eventually, gunicorn, text_of

HEALTH = drop_in("health")

# A database whose new connections hang as long as the file "frozen" is there; open connections are counted.
SLOW = """
import threading, time
from pathlib import Path
from django.db.backends.sqlite3 import base

ROOT = Path(__file__).resolve().parents[3]
opened, lock = 0, threading.Lock()

def count(change):
    global opened
    with lock:
        opened += change
        (ROOT / "opened").write_text(str(opened))

class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, params):
        (ROOT / "asked").open("a").write("x")
        while (ROOT / "frozen").exists():
            time.sleep(0.05)
        if (ROOT / "odd").exists():
            raise LookupError("the secret name of the server")
        count(+1)
        return super().get_new_connection(params)

    def _close(self):
        if self.connection is not None:
            count(-1)
        return super()._close()
"""
HANGING = """
DATABASES["default"]["ENGINE"] = "config.slow"
HEALTH_CHECK_TIMEOUT = 0.3
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    (project.base / "config/slow").mkdir()
    (project.base / "config/slow/__init__.py").touch()
    (project.base / "config/slow/base.py").write_text(SLOW)
    project.static.mkdir()
    ran = project.manage("migrate", "-v0")
    assert ran.code == 0, ran.err
    return project


@pytest.fixture
def hanging(project: Project) -> Iterator[tuple[Project, Path, IO[bytes]]]:
    project.configure(HANGING)
    with gunicorn(project, threads=16) as (place, log):
        yield project, place, log
        (project.root / "frozen").unlink(missing_ok=True)


def test_it_names_the_revision_and_is_never_cached(project: Project) -> None:
    with gunicorn(project) as (place, _):
        answer = ask(place, "/health/")
    assert (answer.status, answer.json()) == (200, {"status": "ok", "revision": "a1b2c3"})
    assert answer.headers["Content-Type"] == "application/json"
    assert {"no-store", "no-cache", "private"} <= set(re.split(", *", answer.headers["Cache-Control"]))
    assert "Set-Cookie" not in answer.headers


def test_without_a_revision_it_says_so(project: Project) -> None:
    project.configure("del REVISION")
    with gunicorn(project) as (place, _):
        assert ask(place, "/health/").json() == {"status": "ok", "revision": None}


def test_head_is_answered_without_a_body_and_other_methods_are_not(project: Project) -> None:
    with gunicorn(project) as (place, _):
        head = ask(place, "/health/", method="HEAD")
        others = {method: ask(place, "/health/", method=method) for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE")}
    assert (head.status, head.body) == (200, b"")
    assert {method: (answer.status, answer.headers["Allow"]) for method, answer in others.items()} == {
        method: (405, "GET, HEAD") for method in others
    }
    assert all("no-store" in answer.headers["Cache-Control"] for answer in others.values())


@pytest.mark.parametrize("damage", ["gone", "no database", "not migrated"])
def test_a_database_that_fails_is_500_without_internals_and_in_the_log(project: Project, damage: str) -> None:
    database = project.root / "db.sqlite3"
    with gunicorn(project) as (place, log):
        assert ask(place, "/health/").status == 200
        good = database.read_bytes()
        if damage == "gone":
            database.rename(project.root / "elsewhere")
        else:
            database.write_bytes(b"this is no database" * 100 if damage == "no database" else b"")
        answer = ask(place, "/health/")
        assert (answer.status, answer.json()) == (500, {"status": "error"})
        assert "no-store" in answer.headers["Cache-Control"]
        database.write_bytes(good)
        assert ask(place, "/health/").status == 200, "it must come back by itself"
        assert "Health check: the database 'default' failed" in text_of(log)
        assert "Traceback" in text_of(log)


def test_an_error_that_is_not_the_databases_is_500_without_internals_too(project: Project) -> None:
    project.configure(HANGING)
    with gunicorn(project) as (place, log):
        (project.root / "odd").touch()
        answer = ask(place, "/health/")
        assert (answer.status, answer.json()) == (500, {"status": "error"})
        eventually(lambda: "LookupError: the secret name of the server" in text_of(log))


def test_a_locked_database_is_500_within_the_deadline(project: Project) -> None:
    # The driver waits for ten minutes; the test would too, if the view did.
    project.configure('DATABASES["default"]["OPTIONS"] = {"timeout": 600}\nHEALTH_CHECK_TIMEOUT = 0.3')
    code = (
        "from django.db import connection\nimport sys\ncursor = connection.cursor()\ncursor.execute('BEGIN EXCLUSIVE')\n"
        "print('locked', flush=True)\nsys.stdin.readline()\ncursor.execute('ROLLBACK')\nconnection.close()"
    )
    with gunicorn(project) as (place, log):
        locker = project.start("-c", f"import django\ndjango.setup()\n{code}", stdin=-1, stdout=-1)
        try:
            assert locker.stdout and locker.stdout.readline() == "locked\n"
            assert ask(place, "/health/").status == 500
            assert "did not answer in time" in text_of(log)
        finally:
            locker.communicate("\n")
        eventually(lambda: ask(place, "/health/").status == 200)


def test_a_frozen_database_holds_no_more_than_eight_threads_and_recovery_frees_them(
    hanging: tuple[Project, Path, IO[bytes]],
) -> None:
    project, place, log = hanging
    assert ask(place, "/health/").status == 200
    (project.root / "frozen").touch()
    asked = len((project.root / "asked").read_text())
    for _ in range(12):
        assert ask(place, "/health/").status == 500
    assert len((project.root / "asked").read_text()) - asked == 8
    assert "8 earlier checks still wait for a database, 'default' was not asked" in text_of(log)
    (project.root / "frozen").unlink()
    eventually(lambda: ask(place, "/health/").status == 200)
    eventually(lambda: (project.root / "opened").read_text() == "0")


def test_every_check_makes_a_round_trip_and_closes_its_connection(hanging: tuple[Project, Path, IO[bytes]]) -> None:
    project, place, _ = hanging
    ask(place, "/health/")
    before = len((project.root / "asked").read_text())
    assert [ask(place, "/health/").status for _ in range(5)] == [200] * 5
    assert len((project.root / "asked").read_text()) == before + 5
    eventually(lambda: (project.root / "opened").read_text() == "0")


def test_a_hung_check_does_not_keep_gunicorn_from_stopping(project: Project) -> None:
    project.configure(HANGING)
    with gunicorn(project, "--graceful-timeout", "600") as (place, _):
        (project.root / "frozen").touch()
        assert ask(place, "/health/").status == 500
    # Left by SIGTERM: the worker ended by itself while the database was still frozen.
    (project.root / "frozen").unlink()


def test_every_database_of_the_setting_counts(project: Project) -> None:
    project.configure(
        'DATABASES["second"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR.parent / "second.sqlite3"}\n'
        'HEALTH_CHECK_DATABASES = ["default", "second"]'
    )
    with gunicorn(project) as (place, log):
        assert ask(place, "/health/").status == 500
        assert "the database 'second' failed" in text_of(log)
        assert project.manage("migrate", "-v0", "--database", "second").code == 0
        assert ask(place, "/health/").status == 200


def test_it_opens_no_transaction_and_touches_no_session(project: Project) -> None:
    project.configure(
        "import logging\n"
        'DATABASES["default"]["ATOMIC_REQUESTS"] = True\n'
        'DATABASES["default"]["ENGINE"] = "config.slow"\n'
        'DATABASES["second"] = {"ENGINE": "config.slow", "NAME": BASE_DIR.parent / "second.sqlite3", "ATOMIC_REQUESTS": True}\n'
        'MIDDLEWARE.append("config.watch.Watch")\n'
    )
    # What the request's own thread does to databases and session.
    (project.base / "config/watch.py").write_text(
        "from django.db import connections\nfrom pathlib import Path\n"
        "class Watch:\n    def __init__(self, get_response):\n        self.get_response = get_response\n"
        "    def __call__(self, request):\n        response = self.get_response(request)\n"
        "        response['X-Connected'] = str([c.alias for c in connections.all() if c.connection is not None])\n"
        "        response['X-Session'] = str(request.session.accessed or request.session.modified)\n"
        "        return response\n"
    )
    with gunicorn(project) as (place, _):
        answer = ask(place, "/health/", headers={"Host": "www.example.com", "Cookie": "sessionid=abc"})
        assert (answer.status, answer.headers["X-Connected"], answer.headers["X-Session"]) == (200, "[]", "False")
        other = ask(place, "/", headers={"Host": "www.example.com"})
        assert other.status == 500
        assert other.headers["X-Connected"] == "['default', 'second']", "the watch must be able to see a transaction"


def test_a_login_is_not_required(project: Project) -> None:
    if project.python("-c", "import django; raise SystemExit(django.VERSION < (5, 1))").code:
        pytest.skip("this Django has no LoginRequiredMiddleware")
    project.configure(
        'MIDDLEWARE += ["django.contrib.auth.middleware.AuthenticationMiddleware", '
        '"django.contrib.auth.middleware.LoginRequiredMiddleware"]'
    )
    with gunicorn(project) as (place, _):
        assert ask(place, "/").status == 302
        assert ask(place, "/health/").status == 200


def test_it_works_in_the_projects_own_tests_with_a_database_in_memory(project: Project) -> None:
    (project.base / "tests.py").write_text(
        "from django.test import TestCase\n"
        "class HealthTest(TestCase):\n    def test_health(self):\n"
        "        answer = self.client.get('/health/', headers={'host': 'www.example.com'})\n"
        "        self.assertEqual((answer.status_code, answer.json()['status']), (200, 'ok'))\n"
    )
    ran = project.manage("test")
    assert ran.code == 0, ran.err


def test_checks_share_a_thread_and_a_child_process_has_its_own(project: Project) -> None:
    code = (
        "import os, threading\nfrom config.health import databases_answer, round_trip\n"
        "answers = [databases_answer(round_trip) for _ in range(20)]\n"
        "names = [thread.name for thread in threading.enumerate() if thread.name == 'health-check']\n"
        # A thread that was waking when the next check came may have been joined by another one, never by twenty.
        "print(all(answers), 1 <= len(names) <= 4, flush=True)\n"
        "child = os.fork()\n"
        "if child == 0:\n    os._exit(0 if databases_answer(round_trip) else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))"
    )
    project.configure("HEALTH_CHECK_TIMEOUT = 60")
    ran = project.django(code)
    assert ran.out == "True True\n0\n", ran.err


@pytest.mark.parametrize(
    ("vendor", "engine", "options"),
    [
        ("postgresql", "django.contrib.gis.db.backends.postgis", {"connect_timeout", "tcp_user_timeout"}),
        ("cockroachdb", "django_cockroachdb", {"connect_timeout", "tcp_user_timeout"}),
        ("mysql", "django.db.backends.mysql", {"connect_timeout", "read_timeout", "write_timeout"}),
        ("mysql", "mysql.connector.django", {"connection_timeout"}),
        ("microsoft", "mssql", {"connection_timeout", "query_timeout", "connection_retries"}),
        ("sqlite", "django.db.backends.sqlite3", set()),
    ],
)
def test_drivers_have_deadlines(vendor: str, engine: str, options: set[str]) -> None:
    assert set(HEALTH._deadlines(vendor, engine)) == options
