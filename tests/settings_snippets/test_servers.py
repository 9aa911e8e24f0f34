"""The units of uvicorn and uWSGI on a socket of systemd's, and nginx before uvicorn: websockets, streams, reloads."""

import base64
import hashlib
import importlib.util
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.settings_snippets.nginx import ASGI, BALANCER, CHECK, NGINX, SITE, careful, get, serving
from tests.settings_snippets.project import HTTPS, PATIENCE, Project, ask, eventually
from tests.settings_snippets.unit_files import unit

# What systemd does for a socket unit: it listens, and hands the socket over as number 3.
ACTIVATE = """
import os, socket, sys
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(1024)
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""
APPLICATION = """
from django.core.asgi import get_asgi_application
from config.version import VERSION
site = get_asgi_application()

async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"].upper()})
    elif scope["path"] in ("/echo/", "/version/"):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-scheme", scope["scheme"].encode())]})
        more = scope["path"] == "/echo/"
        while more:
            part = await receive()
            more = part.get("more_body", False)
            await send({"type": "http.response.body", "body": part["body"], "more_body": True})
        await send({"type": "http.response.body", "body": VERSION.encode() if scope["path"] == "/version/" else b""})
    else:
        await site(scope, receive, send)
"""
WSGI = """
from django.core.wsgi import get_wsgi_application
from config.version import VERSION
site = get_wsgi_application()

def application(environ, start_response):
    if environ["PATH_INFO"] != "/version/":
        return site(environ, start_response)
    start_response("200 OK", [])
    return [VERSION.encode()]
"""
UWSGI = shutil.which("uwsgi", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
needs = {
    "uvicorn": pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("uvicorn", "websockets"))),
        reason="no uvicorn here: pip install uvicorn websockets",
    ),
    "uwsgi": pytest.mark.skipif(UWSGI is None, reason="no uWSGI here: pip install uwsgi, or pyuwsgi"),
}
needs_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx here: apt-get install nginx-light")


def project(root: Path) -> Project:
    made = careful(root)
    (made.base / "config/asgi.py").write_text(APPLICATION)
    (made.base / "config/wsgi.py").write_text(WSGI)
    (made.base / "config/version.py").write_text('VERSION = "1"\n')
    return made


@contextmanager
def started(made: Project, name: str, place: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the server as its unit does, on a socket that is open already; all its processes have loaded the site."""
    words = unit(f"{name}.service")["ExecStart"].split()
    program = {"/srv/shop/venv/bin/python": sys.executable, "/srv/shop/venv/bin/uwsgi": str(UWSGI)}[words[0]]
    options = [word.replace("/run/shop", str(made.root)) for word in words[1:]]
    command = [sys.executable, "-c", ACTIVATE, str(place), program, *options]
    with (made.root / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=made.base, env=made.environment(), stdout=log, stderr=log)

    def up() -> bool:
        assert process.poll() is None, (made.root / "log").read_text()
        try:
            answered = ask(place, "/version/").status == 200
        except OSError:
            return False
        # uWSGI's reload passes over a worker that has not loaded yet, and it keeps the old code.
        return answered and (name != "uwsgi" or (made.root / "log").read_text().count("WSGI app 0 (mountpoint='') ready") == 3)

    try:
        eventually(up)
        yield process
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in needs.items()])
def test_a_reload_brings_new_code_and_loses_no_request(tmp_path: Path, name: str) -> None:
    made, place = project(tmp_path), tmp_path / "s"
    with started(made, name, place) as process:
        assert ask(place, "/version/").body == b"1"
        (made.base / "config/version.py").write_text('VERSION = "second"\n')
        reload = unit(f"{name}.service")["ExecReload"].replace("/run/shop", str(tmp_path))
        subprocess.run(shlex.split(reload.replace("$MAINPID", str(process.pid))), check=True)
        seen: list[bytes] = []

        def new() -> bool:
            answer = ask(place, "/version/")
            assert answer.status == 200
            seen.append(answer.body)
            return seen[-20:] == [b"second"] * 20

        eventually(new)
        assert set(seen) <= {b"1", b"second"}


@needs["uwsgi"]
@needs_nginx
def test_uwsgi_serves_the_site_behind_the_snippet_of_nginx(tmp_path: Path) -> None:
    place = tmp_path / "s"
    with started(project(tmp_path), "uwsgi", place), serving(tmp_path, place) as port:
        site = ("127.0.0.1", port)
        assert get(site, CHECK).json() == {"status": "ok", "revision": "a1b2c3"}
        assert ask(site, "/", headers=HTTPS, source=BALANCER).body.decode().split()[:2] == ["https", "www.example.com"]
        assert len(ask(site, "/big/", headers=HTTPS, source=BALANCER).body) == 3_000_000


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    root = tmp_path_factory.mktemp("asgi")
    with started(project(root), "uvicorn", root / "s"), serving(root, root / "s", site=ASGI) as port:
        yield "127.0.0.1", port


@needs["uvicorn"]
@needs_nginx
def test_the_site_and_its_health_check_are_as_before_gunicorn(asgi: tuple[str, int]) -> None:
    assert get(asgi, CHECK).json() == {"status": "ok", "revision": "a1b2c3"}
    assert get(asgi, CHECK, X_Forwarded_Proto="https").status == 404
    assert ask(asgi, "/", headers=HTTPS, source=BALANCER).body.decode().split()[:2] == ["https", "www.example.com"]
    assert get(asgi, "/", Host="www.example.com", X_Forwarded_Proto="http").status == 301
    assert get(asgi, "/", source="127.0.0.3", Host="www.example.com", X_Forwarded_Proto="https").status == 301


class Talk:
    """A connection on which a request is sent in parts."""

    def __init__(self, site: tuple[str, int]) -> None:
        self.socket = socket.create_connection(site, PATIENCE, source_address=(BALANCER, 0))
        self.seen = b""

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        while end not in self.seen:
            more = self.socket.recv(65536)
            assert more, self.seen
            self.seen += more
        found, _, self.seen = self.seen.partition(end)
        return found


HEAD = "Host: www.example.com\r\nX-Forwarded-Proto: https\r\n"


@needs["uvicorn"]
@needs_nginx
def test_a_stream_arrives_as_it_is_made_in_both_directions(asgi: tuple[str, int]) -> None:
    """With either direction held back, the first part would never come while the second is not sent."""
    talk = Talk(asgi)
    talk.say(f"POST /echo/ HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".encode())
    assert talk.until(b"first").startswith(b"HTTP/1.1 200")
    talk.say(b"6\r\nsecond\r\n")
    talk.until(b"second")
    talk.say(b"0\r\n\r\n")
    talk.until(b"0\r\n\r\n")
    talk.socket.close()


@contextmanager
def hasty(place: Path, delay: float = 0) -> Iterator[list[bytes]]:
    """Listen, close three of four connections as processes of uvicorn that end do, requests unread; yield the others'.

    `delay`: seconds until a connection is closed, at least.
    """
    seen: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    for _ in range(3):
                        connection = listening.accept()[0]
                        connection.recv(1)
                        time.sleep(delay)
                        connection.close()
                    connection = listening.accept()[0]
                except OSError:
                    return
                with connection:
                    seen.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield seen
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


@needs_nginx
@pytest.mark.parametrize("conf", [ASGI, SITE], ids=["asgi", "site"])
def test_what_every_process_closes_unread_is_sent_again_but_for_a_post(tmp_path: Path, conf: Path) -> None:
    # However slow this machine is.
    patient = {"proxy_next_upstream_timeout 10s": "proxy_next_upstream_timeout 1h"}
    with hasty(tmp_path / "s") as seen, serving(tmp_path, tmp_path / "s", patient, conf) as port:
        site = ("127.0.0.1", port)
        assert ask(site, "/", headers=HTTPS, source=BALANCER).status == 200
        assert get(site, CHECK).status == 200
        assert len(seen) == 2
        assert ask(site, "/", method="POST", headers={**HTTPS, "Content-Length": "0"}, source=BALANCER).status == 502
        assert len(seen) == 2


@needs_nginx
@pytest.mark.parametrize("conf", [ASGI, SITE], ids=["asgi", "site"])
def test_a_request_of_which_a_process_dies_late_goes_to_no_other(tmp_path: Path, conf: Path) -> None:
    soon = {"proxy_next_upstream_timeout 10s": "proxy_next_upstream_timeout 1ms"}
    with hasty(tmp_path / "s", delay=0.1) as seen, serving(tmp_path, tmp_path / "s", soon, conf) as port:
        assert ask(("127.0.0.1", port), "/", headers=HTTPS, source=BALANCER).status == 502
        assert seen == []


def upgrade(talk: Talk, to: str) -> bytes:
    key = "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n"
    talk.say(f"GET /ws/ HTTP/1.1\r\n{HEAD}Upgrade: {to}\r\n{key}\r\n".encode())
    return talk.until(b"\r\n\r\n")


@needs["uvicorn"]
@needs_nginx
@pytest.mark.parametrize("name", ["websocket", "WebSocket"])
def test_a_websocket_is_passed_through(asgi: tuple[str, int], name: str) -> None:
    talk = Talk(asgi)
    answer = upgrade(talk, name)
    accepted = base64.b64encode(hashlib.sha1(b"eHh4eHh4eHh4eHh4eHh4eA==258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    assert answer.startswith(b"HTTP/1.1 101") and accepted in answer
    for word in (b"hello", b"again"):
        talk.say(bytes([0x81, 0x80 | len(word), 0, 0, 0, 0]) + word)
        talk.until(bytes([0x81, len(word)]) + word.upper())
    talk.socket.close()


@needs["uvicorn"]
@needs_nginx
@pytest.mark.parametrize("name", ["h2c", "websocket, h2c", "TLS/1.0"])
def test_nothing_else_is_upgraded(asgi: tuple[str, int], name: str) -> None:
    talk = Talk(asgi)
    assert not upgrade(talk, name).startswith(b"HTTP/1.1 101")
    talk.socket.close()


def test_all_that_guards_the_site_is_the_same_in_both_snippets() -> None:
    """So that what test_nginx proves of the other holds for this too."""
    differs = ("gunicorn", "uvicorn", "proxy_next_upstream", "proxy_read_timeout 60s", "proxy_set_header Connection")

    def guarding(path: Path) -> list[str]:
        lines = [line.strip() for line in path.read_text().partition("# Requests and answers")[0].splitlines()]
        return [line for line in lines if line and not line.startswith("#") and not any(word in line for word in differs)]

    asgi = guarding(ASGI)
    begin, end = asgi.index("map $http_upgrade $websocket {"), asgi.index("map $websocket $upgrade_or_not {")
    del asgi[begin : end + 4]
    asgi = asgi[: asgi.index("proxy_set_header Upgrade $websocket;")] + ["proxy_redirect off;", "proxy_connect_timeout 5s;"]
    assert asgi == guarding(SITE)
