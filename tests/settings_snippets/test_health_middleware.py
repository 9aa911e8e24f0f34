"""The health middleware over real HTTP and under ASGI: each path answers what it is for, whatever stands behind it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.settings_snippets.project import Answer, Project, ask, gunicorn, text_of

FIRST = """
MIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")
HEALTH_CHECK_STATE = BASE_DIR.parent / "run"
HEALTH_CHECK_TIMEOUT = 60
SECURE_SSL_REDIRECT = True
LOGGING = {"version": 1, "handlers": {"all": {"class": "logging.StreamHandler"}}, "root": {"handlers": ["all"]}}
"""
BY_ADDRESS = {"Host": "10.0.1.17:80"}  # as a load balancer asks: no name, no https
LIVE, READY, DEEP = "/health/live/", "/health/ready/", "/health/deep/"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, settings=FIRST)
    (tmp_path / "run").mkdir()
    project.collectstatic()
    ran = project.manage("migrate", "-v0")
    assert ran.code == 0, ran.err
    return project


def get(place: Path, path: str, **headers: str) -> Answer:
    return ask(place, path, headers={**BY_ADDRESS, **headers})


def statuses(place: Path) -> dict[str, int]:
    return {path: get(place, path).status for path in (LIVE, READY, DEEP)}


def lose_database(project: Project) -> None:
    (project.root / "db.sqlite3").rename(project.root / "elsewhere")
    (project.root / "db.sqlite3").mkdir()


def find_database(project: Project) -> None:
    (project.root / "db.sqlite3").rmdir()
    (project.root / "elsewhere").rename(project.root / "db.sqlite3")


def test_asked_by_address_over_http_all_three_answer_with_the_release_and_are_never_stored(project: Project) -> None:
    digest = json.loads(project.manifest.read_text())["hash"]
    with gunicorn(project) as (place, _):
        assert ask(place, "/", headers=BY_ADDRESS).status in (301, 400), "the site itself must refuse such a request"
        for path in (LIVE, READY, DEEP):
            answer = get(place, path)
            assert (answer.status, answer.json()) == (200, {"status": "ok", "revision": "a1b2c3", "static": digest}), path
            assert (answer.headers["Cache-Control"], answer.headers["Content-Type"]) == ("no-store", "application/json")
            assert get(place, path[:-1]).json() == answer.json(), "a slash is easily forgotten"
            assert 200 not in (get(place, f"{path}/").status, get(place, f"{path}x").status)


def test_head_has_no_body_and_other_methods_are_refused(project: Project) -> None:
    with gunicorn(project) as (place, _):
        head = ask(place, READY, method="HEAD", headers=BY_ADDRESS)
        posted = ask(place, LIVE, method="POST", headers={**BY_ADDRESS, "Content-Length": "0"})
    assert (head.status, head.body) == (200, b"")
    assert (posted.status, posted.headers["Allow"], posted.body) == (405, "GET, HEAD", b"")


def test_what_a_visitor_forwards_gets_the_bare_status_and_nothing_of_the_deep_one(project: Project) -> None:
    with gunicorn(project) as (place, _):
        answers = {path: get(place, path, **{"X-Forwarded-For": "203.0.113.9"}) for path in (LIVE, READY, DEEP)}
        assert get(place, DEEP).status == 200
    assert {path: (answer.status, answer.body) for path, answer in answers.items()} == {
        LIVE: (200, b""),
        READY: (200, b""),
        DEEP: (404, b""),
    }
    assert {answer.headers["Cache-Control"] for answer in answers.values()} == {"no-store"}


def test_every_worker_is_drained_by_one_file_and_nobody_is_told_of_an_error(project: Project) -> None:
    with gunicorn(project, "--workers", "2") as (place, log):
        assert statuses(place) == {LIVE: 200, READY: 200, DEEP: 200}
        (project.root / "run/draining").touch()
        answers = [get(place, READY) for _ in range(20)]
        assert {(answer.status, answer.json()["status"]) for answer in answers} == {(503, "draining")}
        assert (get(place, LIVE).status, get(place, DEEP).status) == (200, 200)
        (project.root / "run/draining").unlink()
        assert get(place, READY).status == 200
        assert "Service Unavailable" not in text_of(log)


def test_an_outage_fails_deep_alone_once_the_database_has_answered(project: Project) -> None:
    with gunicorn(project) as (place, log):
        assert get(place, READY).status == 200
        lose_database(project)
        assert statuses(place) == {LIVE: 200, READY: 200, DEEP: 503}
        assert get(place, DEEP).json()["status"] == "error"
        assert "unable to open" not in get(place, DEEP).body.decode()
        assert "Health check: the database 'default' failed" in text_of(log)
        find_database(project)
        assert get(place, DEEP).status == 200


def test_a_host_that_boots_without_a_database_is_not_ready_until_it_has_answered(project: Project) -> None:
    lose_database(project)
    with gunicorn(project) as (place, _):
        answer = get(place, READY)
        assert (answer.status, answer.json()["status"]) == (503, "starting")
        assert get(place, LIVE).status == 200
        assert not (project.root / "run/answered").exists()
        find_database(project)
        assert get(place, READY).status == 200


@pytest.mark.parametrize("remembered", [True, False])
def test_a_process_that_starts_during_an_outage_is_ready_where_the_host_remembers(project: Project, remembered: bool) -> None:
    if not remembered:
        project.configure(f"{FIRST}\nHEALTH_CHECK_STATE = None")
    with gunicorn(project) as (place, _):
        assert get(place, READY).status == 200
    lose_database(project)
    with gunicorn(project) as (place, _):
        assert get(place, READY).status == (200 if remembered else 503)


def test_no_visitor_waits_for_the_views_to_be_imported(project: Project) -> None:
    """A process that starts has them before it is ready; where they cannot be imported, health still answers."""
    loaded = "import sys; from config import wsgi; print('config.urls' in sys.modules)"
    assert project.python("-c", loaded).out == "True\n"
    (project.base / "config/urls.py").write_text("raise RuntimeError('no such view')\n")
    with gunicorn(project) as (place, log):
        assert (get(place, LIVE).status, get(place, READY).status) == (200, 200)
        assert "the URLconf cannot be imported" in text_of(log) and "no such view" in text_of(log)


def test_a_state_folder_that_is_missing_is_a_warning_and_no_failure(project: Project) -> None:
    (project.root / "run").rmdir()
    with gunicorn(project) as (place, log):
        assert get(place, READY).status == 200
        assert "must ask the database themselves" in text_of(log)


def test_deep_names_the_migrations_that_are_not_applied_and_minds_no_newer_ones(project: Project) -> None:
    newer = (
        "from django.db.migrations.recorder import MigrationRecorder\nfrom django.db import connection\n"
        "MigrationRecorder(connection).record_applied('auth', '0999_of_the_next_release')"
    )
    older = newer.replace("record_applied", "record_unapplied").replace(
        "0999_of_the_next_release", "0012_alter_user_first_name_max_length"
    )
    with gunicorn(project) as (place, log):
        assert project.django(newer).code == 0
        assert get(place, DEEP).status == 200
        assert project.django(older).code == 0
        answer = get(place, DEEP)
        assert (answer.status, answer.json()["unapplied"]) == (503, ["auth.0012_alter_user_first_name_max_length"])
        assert "migrations are not applied: auth.0012" in text_of(log)
        assert get(place, READY).status == 200


def test_paths_are_settings_and_none_is_no_path(project: Project) -> None:
    project.configure(f'{FIRST}\nHEALTH_CHECK_READY = "/up"\nHEALTH_CHECK_DEEP = None')
    with gunicorn(project) as (place, _):
        assert (get(place, "/up").status, get(place, LIVE).status) == (200, 200)
        assert 200 not in (get(place, READY).status, get(place, DEEP).status)


def test_a_squashed_migration_that_replaces_squashed_ones_is_applied_with_their_parts(project: Project) -> None:
    if project.python("-c", "import django; raise SystemExit(django.VERSION < (6, 0))").code:
        pytest.skip("this Django does not squash squashed migrations")
    app = project.base / "shop"
    (app / "migrations").mkdir(parents=True)
    replaced = {
        "0001_a": [],
        "0002_b": [],
        "0003_c": [],
        "0001_squashed": ["0001_a", "0002_b"],
        "0001_squashed_again": ["0001_squashed", "0003_c"],
    }
    for name, replaces in replaced.items():
        depends = [("shop", before) for before, after in (("0001_a", "0002_b"), ("0002_b", "0003_c")) if after == name]
        (app / f"migrations/{name}.py").write_text(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n"
            f"    dependencies = {depends}\n    replaces = {[('shop', one) for one in replaces]}\n    operations = []\n"
        )
    for package in (app, app / "migrations"):
        (package / "__init__.py").touch()
    project.configure(f'{FIRST}\nINSTALLED_APPS.append("shop")\nSECURE_SSL_REDIRECT = False')
    record = "from django.db.migrations.recorder import MigrationRecorder\nfrom django.db import connection\n"
    record += "record = MigrationRecorder(connection).{0}\nfor name in {1}:\n    record('shop', name)"
    ask_deep = (
        "\nfrom config.health_middleware import HealthMiddleware, unapplied_migrations\n"
        "from django.db.migrations.loader import MigrationLoader\n"
        "print(unapplied_migrations(connection), len([key for key in MigrationLoader(None).graph.nodes if key[0] == 'shop']))"
    )

    def unapplied(*names: str) -> str:
        every = record.format("record_unapplied", list(replaced))
        ran = project.django(f"{every}\n{record.format('record_applied', list(names))}{ask_deep}")
        assert ran.code == 0, ran.err
        return ran.out

    assert unapplied() == "['shop.0001_squashed_again'] 1\n"
    assert unapplied("0001_a", "0002_b") == "['shop.0001_squashed_again'] 1\n"
    for names in (["0001_a", "0002_b", "0003_c"], ["0001_squashed", "0003_c"], ["0001_squashed_again"]):
        assert unapplied(*names) == "[] 1\n"


@pytest.mark.parametrize(
    "disabled", ["MIGRATION_MODULES = type('No', (), {'__contains__': lambda *_: True, '__getitem__': lambda *_: None})()",
                 "DATABASES['default']['TEST'] = {'MIGRATE': False}"]
)  # fmt: skip
def test_in_the_sites_own_tests_without_migrations_all_is_well(project: Project, disabled: str) -> None:
    project.configure(f"{FIRST}\n{disabled}")
    (project.base / "tests.py").write_text(
        "from django.test import TransactionTestCase\n"
        "class HealthTest(TransactionTestCase):\n    def test_health(self):\n"
        "        for path in ('/health/', '/health/live/', '/health/ready/', '/health/deep/'):\n"
        "            answer = self.client.get(path, headers={'host': 'www.example.com'}, secure=True)\n"
        "            self.assertEqual((path, answer.status_code, answer.json()['status']), (path, 200, 'ok'))\n"
    )
    ran = project.manage("test")
    assert ran.code == 0, ran.err


ASGI = """
import asyncio, json, sys, threading
from django.core.asgi import get_asgi_application
import config.health_middleware as module
application = get_asgi_application()

async def ask(path, method="GET", headers=()):
    sent, done = [], asyncio.Event()
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": path,
             "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("10.0.1.17", 80),
             "client": ("10.0.0.1", 5), "headers": [(b"host", b"10.0.1.17"), *headers]}
    async def receive():
        if not sent or "body" not in sent[-1]:
            sent.append({"body": b""})
            return {"type": "http.request", "body": b"", "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}
    status, body = None, b""
    async def send(message):
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")
    await application(scope, receive, send)
    done.set()
    return status, body

frozen, asked = threading.Event(), threading.Event()
real = module.databases_answer

def hanging(question):
    asked.set()
    frozen.wait(60)
    return real(question)

async def main():
    got = {path: (await ask(f"/health/{path}/"))[0] for path in ("live", "ready", "deep")}
    forwarded = await ask("/health/deep/", headers=[(b"x-forwarded-for", b"203.0.113.9")])
    module.databases_answer = hanging
    deep = asyncio.create_task(ask("/health/deep/"))
    while not asked.is_set():
        await asyncio.sleep(0.01)
    meanwhile = [(await ask(f"/health/{path}/"))[0] for path in ("live", "ready")]
    pending = not deep.done()
    frozen.set()
    print(json.dumps([got, forwarded[0], meanwhile, pending, (await deep)[0]]))

asyncio.run(main())
"""


def test_under_asgi_a_question_that_hangs_holds_up_nobody_else(project: Project) -> None:
    ran = project.django(ASGI)
    assert ran.code == 0, ran.err
    got: list[Mapping[str, int]] = json.loads(ran.out)
    assert got == [{"live": 200, "ready": 200, "deep": 200}, 404, [200, 200], True, 200]
