"""The nginx snippet: as shipped by `nginx -t`, and on other ports before a real gunicorn."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .project import HTTPS, PATIENCE, SNIPPETS, Answer, Project, ask, eventually, gunicorn

SITE = SNIPPETS / "nginx/site.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
BALANCER, STRANGER = "127.0.0.2", "127.0.0.3"

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here: apt-get install nginx-light")


def configuration(folder: Path, site: str) -> Path:
    """Wrap the snippet into a whole configuration that needs no root and writes into the folder alone."""
    (folder / "site.conf").write_text(site)
    kinds = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ {kinds} access_log {folder}/access.log; include {folder}/site.conf; }}\n"
    )
    return main


def nginx(folder: Path, *arguments: str) -> list[str]:
    return [str(NGINX), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf"), *arguments]


def test_it_is_clean_as_shipped(tmp_path: Path) -> None:
    configuration(tmp_path, SITE.read_text())
    ran = subprocess.run(nginx(tmp_path, "-t"), capture_output=True, text=True, timeout=PATIENCE)
    ours = [
        line for line in ran.stderr.splitlines() if "could not open error log file" not in line and "syntax is ok" not in line
    ]
    if os.geteuid() == 0:
        assert ran.returncode == 0, ran.stderr
    assert [line for line in ours if "[warn]" in line or "[emerg]" in line and "bind()" not in line] == []
    assert "syntax is ok" in ran.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    root = tmp_path_factory.mktemp("nginx")
    project = Project(
        root,
        settings=(
            'SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")\nSECURE_SSL_REDIRECT = True\n'
            'SESSION_COOKIE_AGE = 60\nROOT_URLCONF = "config.more"'
        ),
    )
    (project.base / "config/more.py").write_text(
        "from config.urls import *\nfrom django.http import HttpResponse\n"
        "urlpatterns += [path('big/', lambda request: HttpResponse(b'x' * 3_000_000))]\n"
    )
    project.collectstatic()
    assert project.manage("migrate", "-v0").code == 0
    with gunicorn(project) as (place, _), serving(root, place) as port:
        yield "127.0.0.1", port


def moved(upstream: Path, port: int) -> str:
    """Return the snippet for a free port, before a gunicorn on this socket, with one address that is trusted as the balancer."""
    text = SITE.read_text()
    changes = {
        "listen 80": f"listen 127.0.0.1:{port}",
        "unix:/run/gunicorn.sock": f"unix:{upstream}",
        "127.0.0.0/8 ": f"{BALANCER}/32",
    }
    for old, new in changes.items():
        assert old in text, f"the snippet has no more {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def serving(folder: Path, upstream: Path) -> Iterator[int]:
    """Run nginx with the snippet; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration(folder, moved(upstream, port))
    process = subprocess.Popen(nginx(folder, "-g", "daemon off;"))

    def up() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        eventually(up)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def get(site: tuple[str, int], path: str, source: str = BALANCER, method: str = "GET", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(site, path, headers={"Host": f"{site[0]}:{site[1]}", **named}, source=source, method=method)


@pytest.mark.parametrize("source", [BALANCER, STRANGER])
def test_the_health_check_by_address_over_http_reaches_the_view(site: tuple[str, int], source: str) -> None:
    answer = get(site, "/health_check/www.example.com", source)
    assert (answer.status, answer.json()) == (200, {"status": "ok", "revision": "a1b2c3"})
    assert get(site, "/health_check/www.example.com", source, method="HEAD").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/health/", "/health_check/", "/health_check/other.example.com", "/health_check/www.example.com/x", "/.env"]
)
def test_by_address_nothing_else_is_there(site: tuple[str, int], path: str) -> None:
    assert get(site, path).status == 404
    assert get(site, path, Host="other.example.com").status == 404


def test_visitors_do_not_reach_the_health_check(site: tuple[str, int]) -> None:
    assert get(site, "/health_check/www.example.com", X_Forwarded_For="203.0.113.7").status == 404
    assert get(site, "/health_check/www.example.com", Host="www.example.com", X_Forwarded_Proto="https").status == 404


def test_a_visitor_who_came_by_https_gets_the_page_and_its_files(site: tuple[str, int]) -> None:
    answer = ask(site, "/", headers=HTTPS, source=BALANCER)
    scheme, host, name = answer.body.decode().split()
    assert (answer.status, scheme, host) == (200, "https", "www.example.com")
    assert ask(site, name, headers=HTTPS, source=BALANCER).status == 200


def test_a_visitor_who_came_by_http_is_redirected(site: tuple[str, int]) -> None:
    answer = get(site, "/", Host="www.example.com", X_Forwarded_Proto="http")
    assert (answer.status, answer.headers["Location"]) == (301, "https://www.example.com/")


@pytest.mark.parametrize("header", ["X-Forwarded-Proto", "X_Forwarded_Proto", "x-forwarded-proto"])
def test_a_forged_scheme_does_not_pass(site: tuple[str, int], header: str) -> None:
    answer = ask(site, "/", headers={"Host": "www.example.com", header: "https"}, source=STRANGER)
    assert answer.status == 301


def test_a_header_with_underscores_does_not_overrule_the_balancers(site: tuple[str, int]) -> None:
    headers = {"Host": "www.example.com", "X-Forwarded-Proto": "http", "X_Forwarded_Proto": "https"}
    assert ask(site, "/", headers=headers, source=BALANCER).status == 301


def test_a_long_answer_arrives_whole(site: tuple[str, int]) -> None:
    assert ask(site, "/big/", headers=HTTPS, source=BALANCER).body == b"x" * 3_000_000


def test_connections_outlive_the_balancers_idle_timeout() -> None:
    assert "keepalive_timeout 75s;" in SITE.read_text()


def test_a_dead_gunicorn_is_502_for_the_health_check(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path / "nobody") as port:
        assert get(("127.0.0.1", port), "/health_check/www.example.com").status == 502
