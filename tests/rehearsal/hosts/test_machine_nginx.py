"""nginx on a machine, as Debian starts it with the snippet: port 80, before gunicorn on systemd's socket and a careful Django."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.hosts.machines_support import Instance, eventually, machines_here, opened
from tests.settings_snippets.project import Answer, Project, ask

pytestmark = [machines_here, pytest.mark.alone, pytest.mark.long]

CAREFUL = """
ALLOWED_HOSTS = ["shop.example.com"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 3600
HEALTH_CHECK_TIMEOUT = 60
"""
CHECK = "/health_check/shop.example.com"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("disk")
    folder.chmod(0o755)
    project = Project(folder / "srv/shop", settings=CAREFUL)
    wsgi = project.base / "config/wsgi.py"
    wsgi.write_text(f"import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'\n{wsgi.read_text()}")
    project.collectstatic()
    assert project.manage("migrate", "-v0").code == 0
    (project.root / "db.sqlite3").chmod(0o644)
    with opened(tmp_path_factory.mktemp("machines")) as machines:
        made = machines.boot(machines.image(folder))
        eventually("gunicorn to be well", lambda: get(made, CHECK).status == 200)
        yield made


def get(host: Instance, path: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask((host.address, 80), path, headers={"Host": host.address, **named})


def test_the_configuration_is_clean_where_it_lies(host: Instance) -> None:
    done = host.shell("nginx -t")
    assert done.returncode == 0 and "warn" not in done.stderr, done


def test_a_check_by_address_is_well_where_django_itself_would_redirect(host: Instance) -> None:
    assert (get(host, CHECK).status, get(host, CHECK).json()["revision"]) == (200, "a1b2c3")
    assert get(host, "/health/", Host="shop.example.com").status == 301
    page = get(host, "/", Host="shop.example.com", X_Forwarded_Proto="https")
    assert (page.status, page.headers["Strict-Transport-Security"]) == (200, "max-age=3600")


def test_other_hosts_and_paths_are_not_there_and_visitors_do_not_reach_the_check(host: Instance) -> None:
    for path in ("/", "/health/", f"{CHECK}/x", "/health_check/www.example.com"):
        assert get(host, path).status == 404, path
        assert get(host, path, Host="evil.example.net").status == 404, path
    assert get(host, CHECK, X_Forwarded_For="203.0.113.7").status == 404
    assert get(host, CHECK, Host="evil.example.net", X_Forwarded_Proto="https").status == 404
