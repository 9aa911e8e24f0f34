"""The health view and the middleware on a real MariaDB that freezes and comes back."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import mariadb
from .project import Project, ask, eventually, gunicorn, text_of

pytestmark = [
    pytest.mark.skipif(not (mariadb.SERVER and mariadb.INSTALLER), reason="no MariaDB here: apt-get install mariadb-server"),
    pytest.mark.skipif(not importlib.util.find_spec("MySQLdb"), reason="no driver for MariaDB here: pip install mysqlclient"),
]


@pytest.fixture
def server() -> Iterator[mariadb.Server]:
    with mariadb.server() as it:
        yield it


@pytest.fixture
def project(tmp_path: Path, server: mariadb.Server) -> Project:
    project = Project(
        tmp_path,
        settings=(
            'DATABASES["default"] = {"ENGINE": "django.db.backends.mysql", "NAME": "shop", "USER": "shop", '
            f'"HOST": "127.0.0.1", "PORT": {server.port}}}\nHEALTH_CHECK_TIMEOUT = 1\n'
            'MIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")'
        ),
    )
    project.static.mkdir()
    ran = project.manage("migrate", "-v0")
    assert ran.code == 0, ran.err
    return project


def test_frozen_and_thawed_the_driver_ends_every_question_by_itself(project: Project, server: mariadb.Server) -> None:
    with gunicorn(project) as (place, log):
        assert [ask(place, path).status for path in ("/health/", "/health/ready/", "/health/deep/")] == [200, 200, 200]
        server.freeze()
        assert [ask(place, path).status for path in ("/health/", "/health/ready/", "/health/deep/")] == [500, 200, 503]
        assert "did not answer in time" in text_of(log)
        # By the driver's own deadline, though the database never answers.
        eventually(lambda: text_of(log).count("Health check: the database 'default' failed") == 2)
        server.thaw()
        eventually(lambda: ask(place, "/health/").status == 200)
        assert ask(place, "/health/deep/").status == 200


def test_a_connection_that_falls_silent_is_left_by_the_driver(project: Project, server: mariadb.Server) -> None:
    # As when a failed-over server is gone without a word: the connection stands, and nothing answers on it.
    code = (
        "import time\nfrom config.health import _fresh_connection, round_trip\nfrom django.db import OperationalError\n"
        "connection = _fresh_connection('default')\nround_trip(connection)\nprint('asked', flush=True)\ninput()\n"
        "try:\n    round_trip(connection)\nexcept OperationalError as error:\n    print(error)\n"
    )
    process = project.start("-c", f"import django\ndjango.setup()\n{code}", stdin=-1, stdout=-1)
    try:
        assert process.stdout and process.stdout.readline() == "asked\n"
        server.freeze()
        out, _ = process.communicate("\n", timeout=60)
        assert "2013" in out or "2006" in out, out
    finally:
        process.kill()
        process.wait()
        server.thaw()
