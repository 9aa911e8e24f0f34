"""The health view on a real PostgreSQL that stops, freezes and comes back."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from .postgresql import INSTALLED, Cluster, cluster
from .project import Project, ask, eventually, gunicorn, text_of

pytestmark = [
    pytest.mark.skipif(not INSTALLED, reason="no PostgreSQL here: apt-get install postgresql"),
    pytest.mark.skipif(
        not importlib.util.find_spec("psycopg"), reason="no driver for PostgreSQL here: pip install 'psycopg[binary]'"
    ),
]


@pytest.fixture
def server() -> Iterator[Cluster]:
    with cluster() as it:
        yield it


@pytest.fixture
def project(tmp_path: Path, server: Cluster) -> Project:
    project = Project(
        tmp_path,
        settings=(
            'DATABASES["default"] = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "shop", '
            f'"HOST": "{server.folder}", "CONN_MAX_AGE": None}}\nHEALTH_CHECK_TIMEOUT = 1'
        ),
    )
    project.static.mkdir()
    ran = project.manage("migrate", "-v0")
    assert ran.code == 0, ran.err
    return project


def test_stopped_and_started(project: Project, server: Cluster) -> None:
    with gunicorn(project) as (place, log):
        assert ask(place, "/health/").status == 200
        server.stop()
        answer = ask(place, "/health/")
        assert (answer.status, answer.json()) == (500, {"status": "error"})
        assert "Health check: the database 'default' failed" in text_of(log)
        server.start()
        assert ask(place, "/health/").status == 200


def test_frozen_and_thawed(project: Project, server: Cluster) -> None:
    with gunicorn(project) as (place, log):
        assert ask(place, "/health/").status == 200
        server.freeze()
        assert ask(place, "/health/").status == 500
        assert "did not answer in time" in text_of(log)
        # The driver's own deadline ends the thread, though the database never answers.
        eventually(lambda: "timeout expired" in text_of(log))
        server.thaw()
        eventually(lambda: ask(place, "/health/").status == 200)


def test_no_connection_is_left_open(project: Project) -> None:
    count = (
        "from django.db import connection\ncursor = connection.cursor()\n"
        "cursor.execute(\"select count(*) from pg_stat_activity where backend_type = 'client backend'\")\n"
        "print(cursor.fetchone()[0])\nconnection.close()"
    )
    with gunicorn(project) as (place, _):
        assert [ask(place, "/health/").status for _ in range(10)] == [200] * 10
        # The one that counts is left.
        eventually(lambda: project.django(count).out == "1\n")


def test_with_a_pool_of_connections_it_asks_over_its_own(project: Project, server: Cluster) -> None:
    if project.python("-c", "import django; raise SystemExit(django.VERSION < (5, 1))").code:
        pytest.skip("this Django has no connection pools")
    if not importlib.util.find_spec("psycopg_pool"):
        pytest.skip("no pool for the driver here: pip install psycopg_pool")
    settings = (project.base / "config/settings.py").read_text()
    project.configure(settings.replace('"CONN_MAX_AGE": None', '"OPTIONS": {"pool": True}'))
    with gunicorn(project) as (place, _):
        assert ask(place, "/health/").status == 200
        server.stop()
        assert ask(place, "/health/").status == 500
