"""What health answers cost, and how soon they come without a database: `python -m tests.benchmarks.health [--rounds 40]`.

All in one run, on a PostgreSQL of its own. The cost is that of the whole application, called as a WSGI server calls it; a trivial
view returns a word behind the middleware of `startproject` and WhiteNoise. The times without a database are those of a gunicorn
(gthread) whose visitors' requests hang.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django

from tests.benchmarks.machine import machine
from tests.settings_snippets.postgresql import INSTALLED, Cluster, cluster
from tests.settings_snippets.project import Project, ask, gunicorn

PATHS = {"live": "/health/live/", "ready": "/health/ready/", "deep": "/health/deep/", "view": "/health/"}
CALLS = 50  # of each kind in a round; fewer of those that ask the database
STUCK = 4  # visitors whose requests hang, of gunicorn's eight threads
SETTINGS = """
INSTALLED_APPS += ["django.contrib.messages"]
MIDDLEWARE += ["django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
               "django.contrib.messages.middleware.MessageMiddleware", "django.middleware.clickjacking.XFrameOptionsMiddleware"]
MIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")
ROOT_URLCONF = "config.bench"
HEALTH_CHECK_STATE = BASE_DIR.parent / "run"
DATABASES["default"] = {{"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "shop", "HOST": "{folder}"}}
"""
URLS = """
from config.urls import *
from django.contrib.sessions.models import Session
urlpatterns += [path("trivial/", lambda request: HttpResponse("ok")),
                path("count/", lambda request: HttpResponse(Session.objects.count()))]
"""
COSTS = """
import gc, io, json, statistics, sys, time
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import RequestFactory
application = get_wsgi_application()

def asked(path):
    environ = RequestFactory().get(path, headers={"host": "www.example.com"}).environ
    def call():
        told = []
        response = application({**environ, "wsgi.input": io.BytesIO()}, lambda status, headers: told.append(status))
        b"".join(response)
        response.close()
        assert told[0].startswith("200"), (path, told)
    return call

def round_trip():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
        cursor.fetchone()
    connection.close()

def measured(kinds):
    taken = {name: [] for name in kinds}
    for _ in range(ROUNDS * CALLS):
        for name, call in kinds.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return taken

kinds = {name: asked(path) for name, path in PATHS.items()} | {"trivial": asked("/trivial/"), "round trip": round_trip}
for call in kinds.values():
    for _ in range(30):
        call()
gc.disable()
# Apart: what waits for the database leaves cold caches behind.
taken = measured({name: kinds[name] for name in ("live", "trivial", "ready")})
CALLS //= 5
taken |= measured({name: kinds[name] for name in ("deep", "view", "round trip")})
medians = {name: statistics.median(times) for name, times in taken.items()}
# The view's own share: each request less what its own connection took, from opening to closing, and less a trivial view that has
# waited for the database as long: whatever runs after a wait finds cold caches. Of the clock it is mostly the hand-over to the
# thread that asks, and back: how soon the kernel wakes a thread, which no code here decides. So processor time too.
import config.health as health
fresh, answered, trips, marks = health._fresh_connection, health.Probe.answered, [], {}

def watched(alias):
    marks["begun"] = time.perf_counter()
    connection = fresh(alias)
    began, used, close = time.perf_counter(), time.thread_time(), connection.close
    def closing():
        close()
        marks["ended"] = time.perf_counter()
        trips.append((marks["ended"] - began, time.thread_time() - used))
    connection.close = closing
    return connection

def awaited(probe, deadline):
    marks["waiting"] = time.perf_counter()
    result = answered(probe, deadline)
    marks["back"] = time.perf_counter()
    return result

health._fresh_connection, health.Probe.answered = watched, awaited
shares = []
for _ in range(ROUNDS * CALLS):
    round_trip()
    began, used = time.perf_counter(), time.process_time()
    kinds["trivial"]()
    trivial, worked = time.perf_counter() - began, time.process_time() - used
    began, used = time.perf_counter(), time.process_time()
    kinds["view"]()
    took, used = time.perf_counter() - began, time.process_time() - used
    trip, inside = trips.pop()
    handed = max(0.0, marks["begun"] - marks["waiting"]) + marks["back"] - marks["ended"]
    shares.append((took - trip - trivial, handed, used - inside - worked, worked))
names = ("the view's own", "of it, handing over", "the view's own processor time", "a trivial view's, as cold")
medians |= dict(zip(names, map(statistics.median, zip(*shares))))
print(json.dumps(medians))
"""


def costs(project: Project, rounds: int) -> dict[str, float]:
    """Return the seconds of each kind of request, and of a round trip to the database; the kinds take turns."""
    given = f"PATHS = {json.dumps(PATHS)}\nROUNDS, CALLS = {rounds}, {CALLS}\n"
    process = project.start("-c", f"import django\ndjango.setup()\n{given}{COSTS}", stdout=-1)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    return {str(name): float(seconds) for name, seconds in json.loads(out).items()}


def outage(project: Project, begin: Callable[[], None], finish: Callable[[], None]) -> dict[str, tuple[int, float]]:
    """Return status and median seconds of each path while the database is away and visitors hang, or fail, on it."""
    with gunicorn(project) as (place, _), ThreadPoolExecutor(STUCK) as visitors:
        assert {ask(place, path).status for path in PATHS.values()} == {200}
        begin()
        try:
            hanging = [visitors.submit(ask, place, "/count/") for _ in range(STUCK)]
            time.sleep(0.5)
            found = {name: _timed(place, path, 3 if name in ("deep", "view") else 15) for name, path in PATHS.items()}
        finally:
            finish()
        for one in hanging:
            one.result()
    return found


def _timed(place: Path, path: str, times: int) -> tuple[int, float]:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        status = ask(place, path).status
        taken.append(time.perf_counter() - began)
    return status, statistics.median(taken)


def measure(rounds: int, server: Cluster, folder: Path) -> tuple[dict[str, float], dict[str, dict[str, tuple[int, float]]]]:
    """Return the costs, and the answers without a database by what happened to it."""
    project = Project(folder, settings=SETTINGS.format(folder=server.folder))
    (project.base / "config/bench.py").write_text(URLS)
    (folder / "run").mkdir()
    project.collectstatic()
    migrated = project.manage("migrate", "-v0")
    assert migrated.code == 0, migrated.err
    found = costs(project, rounds)
    return found, {
        "stopped": outage(project, server.stop, server.start),
        "frozen": outage(project, server.freeze, server.thaw),
    }


def goals(found: Mapping[str, float], without: Mapping[str, Mapping[str, tuple[int, float]]]) -> list[tuple[str, float, float]]:
    """Return what is to be at most how much: what, reached, goal."""
    micro = {name: seconds * 1e6 for name, seconds in found.items()}
    own = micro["the view's own processor time"]
    return [
        ("live, µs", micro["live"], 100),
        ("ready, µs", micro["ready"], 100),
        ("live, in times of a trivial view", micro["live"] / micro["trivial"], 0.5),
        ("ready, in times of a trivial view", micro["ready"] / micro["trivial"], 0.5),
        ("the view's own processor time, in times of a trivial view's", own / micro["a trivial view's, as cold"], 1.5),
        (
            "the view's own on the clock, in times of its round trip to the database",
            micro["the view's own"] / micro["round trip"],
            0.5,
        ),
        ("live with the database frozen, ms", without["frozen"]["live"][1] * 1e3, 100),
        ("ready with the database frozen, ms", without["frozen"]["ready"][1] * 1e3, 100),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables and the goals; return 1 where one is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.health", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args(arguments)
    if not INSTALLED:
        print("no PostgreSQL here: apt-get install postgresql", file=sys.stderr)
        return 2
    print(machine(f"Django {django.get_version()}", f"PostgreSQL {INSTALLED[-1].parts[-3]}"))
    with tempfile.TemporaryDirectory() as folder, cluster() as server:
        found, without = measure(given.rounds, server, Path(folder))
    print(f"load afterwards: {os.getloadavg()[0]:.1f}\n{'a request':34}{'µs':>10}{'of a trivial view':>20}")
    for name, seconds in found.items():
        print(f"{name:34}{seconds * 1e6:10.0f}{seconds / found['trivial']:20.2f}")
    print(f"\n{'the database is':34}" + "".join(f"{name:>16}" for name in PATHS))
    for what, answers in without.items():
        print(f"{what:34}" + "".join(f"{f'{status}, {1e3 * seconds:.1f} ms':>16}" for status, seconds in answers.values()))
    lines = goals(found, without)
    print(
        "\n"
        + "\n".join(f"{'reached' if is_ <= goal else 'MISSED '}  {what}: {is_:.4g}, goal {goal:g}" for what, is_, goal in lines)
    )
    return int(any(is_ > goal for _, is_, goal in lines))


if __name__ == "__main__":
    sys.exit(main())
