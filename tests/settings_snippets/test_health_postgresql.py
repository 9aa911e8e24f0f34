"""The health view on a real PostgreSQL that stops, freezes and comes back."""

import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.settings_snippets.postgresql import INSTALLED, Cluster, cluster
from tests.settings_snippets.project import Project, ask, eventually, gunicorn, text_of

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


@pytest.mark.parametrize("path", ["/health/", "/health/deep/"])
def test_no_connection_is_left_open(project: Project, path: str) -> None:
    settings = (project.base / "config/settings.py").read_text()
    project.configure(f'{settings}\nMIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")')
    count = (
        "from django.db import connection\ncursor = connection.cursor()\n"
        "cursor.execute(\"select count(*) from pg_stat_activity where backend_type = 'client backend'\")\n"
        "print(cursor.fetchone()[0])\nconnection.close()"
    )
    with gunicorn(project) as (place, _):
        assert [ask(place, path).status for _ in range(10)] == [200] * 10
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


def test_live_and_ready_answer_while_requests_are_stuck_on_a_frozen_database(project: Project, server: Cluster) -> None:
    settings = (project.base / "config/settings.py").read_text()
    project.configure(
        f'{settings}\nMIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")\nROOT_URLCONF = "config.more"'
    )
    (project.base / "config/more.py").write_text(
        "from config.urls import *\nfrom django.contrib.sessions.models import Session\nfrom pathlib import Path\n"
        "def count(request):\n    (Path(__file__).parent / 'asked').touch()\n    return HttpResponse(Session.objects.count())\n"
        "urlpatterns += [path('count/', count)]\n"
    )
    with gunicorn(project) as (place, _), ThreadPoolExecutor() as pool:
        assert (ask(place, "/health/ready/").status, ask(place, "/count/").status) == (200, 200)
        (project.base / "config/asked").unlink()
        server.freeze()
        try:
            stuck = pool.submit(ask, place, "/count/")
            eventually((project.base / "config/asked").exists)
            assert [ask(place, f"/health/{path}/").status for path in ("live", "ready", "deep")] == [200, 200, 503]
            assert not stuck.done(), "the site's request must still hang when the others have been answered"
        finally:
            server.thaw()
        assert stuck.result().status == 200
        eventually(lambda: ask(place, "/health/deep/").status == 200)
