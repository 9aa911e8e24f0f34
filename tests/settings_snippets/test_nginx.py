"""The nginx snippet: as shipped by `nginx -t`, and on other ports before a real gunicorn."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tasks.decisions.setup.host_files import Names
from tasks.decisions.setup.host_files import nginx as written
from tests.settings_snippets.nginx import (
    ASGI,
    BALANCER,
    CHECK,
    NGINX,
    SITE,
    STRANGER,
    careful,
    configuration,
    get,
    nginx,
    serving,
)
from tests.settings_snippets.project import HTTPS, PATIENCE, ask, gunicorn

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here: apt-get install nginx-light")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    root = tmp_path_factory.mktemp("nginx")
    with gunicorn(careful(root)) as (place, _), serving(root, place) as port:
        yield "127.0.0.1", port


@pytest.mark.parametrize("site", [SITE, ASGI], ids=["site", "asgi"])
def test_it_is_clean_as_shipped(tmp_path: Path, site: Path) -> None:
    configuration(tmp_path, site.read_text())
    ran = subprocess.run(nginx(tmp_path, "-t"), capture_output=True, text=True, timeout=PATIENCE)
    ours = [
        line for line in ran.stderr.splitlines() if "could not open error log file" not in line and "syntax is ok" not in line
    ]
    if os.geteuid() == 0:
        assert ran.returncode == 0, ran.stderr
    assert [line for line in ours if "[warn]" in line or "[emerg]" in line and "bind()" not in line] == []
    assert "syntax is ok" in ran.stderr


MIDDLEWARE = 'MIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")\nHEALTH_CHECK_TIMEOUT = 60\n'
READY = {"http://gunicorn/health/;": "http://gunicorn/health/ready/;", "# location = ": "location = "}


@pytest.fixture(scope="module")
def with_middleware(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Serve with the health middleware, and the snippet changed as its comments say."""
    root = tmp_path_factory.mktemp("middleware")
    project = careful(root, MIDDLEWARE)
    with gunicorn(project) as (place, _), serving(root, place, READY) as port:
        yield "127.0.0.1", port


@pytest.mark.parametrize("source", [BALANCER, STRANGER])
def test_the_health_check_by_address_over_http_reaches_the_view(site: tuple[str, int], source: str) -> None:
    answer = get(site, CHECK, source)
    assert (answer.status, answer.json()) == (200, {"status": "ok", "revision": "a1b2c3"})
    assert get(site, CHECK, source, method="HEAD").status == 200


def test_without_the_snippet_django_would_refuse_the_check(site: tuple[str, int]) -> None:
    """The settings of this site must be such that the tests here can fail."""
    assert get(site, "/health/", Host="www.example.com").status == 301
    assert ask(site, "/health/", headers=HTTPS, source=BALANCER).headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "path",
    ["/", "/health/", "/health_check/", "/health_check/other.example.com", f"{CHECK}/", f"{CHECK}/x", f"{CHECK}/deep", "/.env"],
)
@pytest.mark.parametrize("host", [None, "other.example.com", "www.example.com.example.net", "example.com", "127.0.0.1"])
def test_other_hosts_and_paths_are_not_there(site: tuple[str, int], path: str, host: str | None) -> None:
    assert get(site, path, **({"Host": host} if host else {})).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Forwarded-For": "0"},
        {"X-Forwarded-Proto": "https"},  # a load balancer that is set to remove X-Forwarded-For
        {"Host": "other.example.com", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"},
        {"Host": "www.example.com", "X-Forwarded-Proto": "https"},
    ],
)
def test_visitors_do_not_reach_the_health_check(site: tuple[str, int], headers: Mapping[str, str]) -> None:
    named = {"Host": f"{site[0]}:{site[1]}", **headers}
    assert ask(site, CHECK, headers=named, source=BALANCER).status == 404


def test_what_the_asker_says_does_not_reach_the_health_view(site: tuple[str, int]) -> None:
    """Each of these alone would have Django or gunicorn answer 400."""
    forged = {"X-Forwarded-Host": "evil.example.net", "X-Forwarded-Ssl": "off", "X-Forwarded-Protocol": "http"}
    headers = {"Host": "evil.example.net", **forged}
    assert ask(site, CHECK, headers=headers, source=STRANGER).status == 200


def test_a_visitor_who_came_by_https_gets_the_page_and_its_files(site: tuple[str, int]) -> None:
    answer = ask(site, "/", headers=HTTPS, source=BALANCER)
    scheme, host, name = answer.body.decode().split()
    assert (answer.status, scheme, host) == (200, "https", "www.example.com")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    assert ask(site, name, headers=HTTPS, source=BALANCER).status == 200


def test_a_visitor_who_came_by_http_is_redirected(site: tuple[str, int]) -> None:
    answer = get(site, "/", Host="www.example.com", X_Forwarded_Proto="http")
    assert (answer.status, answer.headers["Location"]) == (301, "https://www.example.com/")
    assert answer.headers["Strict-Transport-Security"] is None, "browsers ignore it over HTTP; Django says it is not secure"


@pytest.mark.parametrize(
    "header",
    [("HTTP_X_FORWARDED_PROTOCOL", "https"), ("HTTP_X_FORWARDED_SSL", "on"), ("HTTP_FASTLY_SSL", "1")],
    ids=lambda header: str(header[0]),
)
def test_what_init_makes_of_it_says_https_as_the_settings_read_it(tmp_path: Path, header: tuple[str, str]) -> None:
    """gunicorn reads some of these itself, and refuses a request in which two of them differ."""
    conf = tmp_path / "made.conf"
    conf.write_text(written(SITE.read_text(), Names("shop", "www.example.com", "gunicorn", "config.wsgi", "", ()), header))
    project = careful(tmp_path, f"SECURE_PROXY_SSL_HEADER = {header}\n{MIDDLEWARE}")
    with gunicorn(project) as (place, _), serving(tmp_path, place, site=conf) as port:
        made = ("127.0.0.1", port)
        assert get(made, CHECK).status == 200
        answer = ask(made, "/", headers=HTTPS, source=BALANCER)
        assert (answer.status, answer.body.decode().split()[0]) == (200, "https")
        forged = {header[0].removeprefix("HTTP_").replace("_", "-"): header[1]}
        for scheme in ("http", "https"):
            seen = ask(made, "/", headers={**HTTPS, "X-Forwarded-Proto": scheme, **forged}, source=BALANCER)
            assert seen.status == (200 if scheme == "https" else 301)


SCHEMES = ("X-Forwarded-Proto", "X_Forwarded_Proto", "x-forwarded-proto", "X-Forwarded-Ssl", "X-Forwarded-Protocol")


@pytest.mark.parametrize("value", ["https", "https, http", "HTTPS", "on", "ssl"])
@pytest.mark.parametrize("header", SCHEMES)
def test_a_forged_scheme_does_not_pass(site: tuple[str, int], header: str, value: str) -> None:
    answer = ask(site, "/", headers={"Host": "www.example.com", header: value}, source=STRANGER)
    assert (answer.status, answer.headers["Location"]) == (301, "https://www.example.com/")


@pytest.mark.parametrize("forged", [{"X_Forwarded_Proto": "https"}, {"X-Forwarded-Ssl": "on"}, {"X-Forwarded-Protocol": "ssl"}])
def test_a_scheme_forged_through_the_balancer_does_not_overrule_its_own(site: tuple[str, int], forged: Mapping[str, str]) -> None:
    headers = {"Host": "www.example.com", "X-Forwarded-Proto": "http", **forged}
    assert ask(site, "/", headers=headers, source=BALANCER).status == 301


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X_Forwarded_Host", "Forwarded", "X-Host", "X-Original-Host"])
def test_a_forged_host_beside_the_true_one_is_not_seen(site: tuple[str, int], header: str) -> None:
    value = "host=evil.example.net" if header == "Forwarded" else "evil.example.net"
    answer = ask(site, "/", headers={**HTTPS, header: value}, source=BALANCER)
    assert (answer.status, answer.body.decode().split()[:2]) == (200, ["https", "www.example.com"])


def test_two_hosts_are_refused_and_the_request_line_counts_more_than_the_header(site: tuple[str, int]) -> None:
    two = {"Host": "www.example.com", "host": "evil.example.net", "X-Forwarded-Proto": "https"}
    assert ask(site, "/", headers=two, source=BALANCER).status == 400
    line = ask(site, "http://www.example.com/", headers={**HTTPS, "Host": "evil.example.net"}, source=BALANCER)
    assert line.body.decode().split()[1] == "www.example.com"
    assert ask(site, "http://evil.example.net/", headers=HTTPS, source=BALANCER).status == 404


@pytest.mark.parametrize("header", ["SCRIPT_NAME", "PATH_INFO", "Script-Name", "Path-Info"])
def test_no_header_moves_the_path_of_a_request(site: tuple[str, int], header: str) -> None:
    """gunicorn, "forwarder_headers": from a proxy that it trusts, the underscored ones would."""
    answer = ask(site, "/big/", headers={**HTTPS, header: "/big"}, source=BALANCER)
    assert len(answer.body) == 3_000_000


def test_with_the_middleware_the_balancer_asks_ready_and_you_ask_deep(with_middleware: tuple[str, int]) -> None:
    for path in (CHECK, f"{CHECK}/deep"):
        answer = get(with_middleware, path)
        assert (answer.status, answer.json()["revision"]) == (200, "a1b2c3"), path
        assert answer.json()["static"], "the view does not tell it: this was not the middleware"
        assert get(with_middleware, path, X_Forwarded_For="203.0.113.7").status == 404
        assert get(with_middleware, path, X_Forwarded_Proto="https").status == 404


def test_through_the_site_visitors_see_of_the_middleware_the_bare_status(with_middleware: tuple[str, int]) -> None:
    seen = {kind: ask(with_middleware, f"/health/{kind}/", headers=HTTPS, source=BALANCER) for kind in ("live", "ready", "deep")}
    assert {kind: (answer.status, answer.body) for kind, answer in seen.items()} == {
        "live": (200, b""),
        "ready": (200, b""),
        "deep": (404, b""),
    }
    for kind in seen:
        assert get(with_middleware, f"/health/{kind}/").status == 404, "by address only the health check is there"


def test_ready_is_the_same_without_the_last_slash(with_middleware: tuple[str, int]) -> None:
    """Neither a redirect, which the load balancer would not follow, nor 404."""
    for kind in ("live", "ready"):
        answers = [ask(with_middleware, f"/health/{kind}{end}", headers=HTTPS, source=BALANCER) for end in ("", "/")]
        assert [(answer.status, answer.headers["Location"], answer.body) for answer in answers] == [(200, None, b"")] * 2


def test_a_target_group_may_ask_ready_without_the_last_slash(tmp_path: Path) -> None:
    project = careful(tmp_path, 'MIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")\nHEALTH_CHECK_TIMEOUT = 60\n')
    named = {"http://gunicorn/health/;": "http://gunicorn/health/ready;"}
    with gunicorn(project) as (place, _), serving(tmp_path, place, named) as port:
        answer = get(("127.0.0.1", port), CHECK)
        assert (answer.status, answer.json()["revision"]) == (200, "a1b2c3")


def test_a_long_answer_arrives_whole(site: tuple[str, int]) -> None:
    assert ask(site, "/big/", headers=HTTPS, source=BALANCER).body == b"x" * 3_000_000


def test_connections_outlive_the_balancers_idle_timeout() -> None:
    assert "keepalive_timeout 75s;" in SITE.read_text()


def test_a_dead_gunicorn_is_502_for_the_health_check(tmp_path: Path) -> None:
    with serving(tmp_path, tmp_path / "nobody") as port:
        assert get(("127.0.0.1", port), CHECK).status == 502
