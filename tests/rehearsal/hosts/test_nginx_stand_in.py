"""The front of an instance: what gunicorn gets to see, and what visitors get when it is not there."""

import asyncio
import hashlib
import http.client
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from rehearsal.hosts.nginx_stand_in import Front
from rehearsal.loop_thread import LoopThread
from rehearsal.proxy import Patience
from tests.rehearsal.hosts.support import Fleet, Instance, Key, address, ask, environ, golden_disk, service


def test_the_health_check_of_the_balancer_reaches_the_view_under_the_site_s_name(instance: Instance) -> None:
    status, body = ask(instance.address, 8080, "/health_check/shop.example.com", Host=instance.address)
    assert (status, body) == (200, b"v1")


def test_what_the_site_sees_of_a_health_check(tmp_path: Path, key: Key) -> None:
    fleet = Fleet(tmp_path / "hosts", key, health_path="/environ")
    try:
        fleet.image(golden_disk(tmp_path / "disk", unit=service()))
        instance = fleet.launch()
        for path in ("/health_check/shop.example.com", "/health_check/shop.example.com/"):
            seen = environ(instance.ask(path))
            assert (seen["HTTP_HOST"], seen["PATH_INFO"]) == ("shop.example.com", "/environ")
            assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
        other = environ(instance.ask("/environ?a=b", Host="www.shop.test"))
        assert (other["HTTP_HOST"], other["QUERY_STRING"]) == ("www.shop.test", "a=b")
    finally:
        fleet.hosts.close()


def test_everything_is_said_to_have_come_by_https(instance: Instance) -> None:
    seen = environ(instance.ask("/environ", **{"X-Forwarded-Proto": "http", "X-Forwarded-For": "198.51.100.7"}))
    assert seen["HTTP_X_FORWARDED_PROTO"] == "https"
    assert seen["HTTP_X_FORWARDED_FOR"] == "198.51.100.7, 127.0.0.1"


def test_the_header_that_the_site_reads_is_set_whatever_visitors_say(tmp_path: Path, key: Key) -> None:
    fleet = Fleet(tmp_path / "hosts", key, health_path="/environ", secure={"X-Forwarded-Proto": "", "Fastly-Ssl": "1"})
    try:
        fleet.image(golden_disk(tmp_path / "disk", unit=service()))
        instance = fleet.launch()
        for path in ("/health_check/shop.example.com", "/environ"):
            seen = environ(instance.ask(path, **{"Fastly-Ssl": "0"}))
            assert seen["HTTP_FASTLY_SSL"] == "1" and "HTTP_X_FORWARDED_PROTO" not in seen
    finally:
        fleet.hosts.close()


def test_megabytes_up_and_down_on_one_connection(instance: Instance) -> None:
    data = os.urandom(3_000_000)
    with closing(http.client.HTTPConnection(instance.address, 8080, timeout=60)) as visitor:
        visitor.request("POST", "/echo", data)
        sent = json.loads(visitor.getresponse().read())
        visitor.request("GET", "/big")
        assert len(visitor.getresponse().read()) == 3_000_000
        visitor.request("GET", "/stream")
        assert visitor.getresponse().read().endswith(b"part 999\n")
        visitor.request("HEAD", "/big")
        assert visitor.getresponse().read() == b""
        visitor.request("GET", "/missing")
        assert visitor.getresponse().status == 404
    assert sent == {"size": len(data), "sha": hashlib.sha256(data).hexdigest()}


def test_a_chunked_body_arrives(instance: Instance) -> None:
    with closing(http.client.HTTPConnection(instance.address, 8080, timeout=60)) as visitor:
        visitor.request("POST", "/echo", iter([b"ab", b"cd"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert json.loads(visitor.getresponse().read())["size"] == 4


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]


@pytest.fixture
def fronted(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a front before a socket that behaves as the test wants, or before none."""
    loop = LoopThread("front-test")
    fronts: list[Front] = []
    upstreams: list[asyncio.Server] = []

    def start(behaviour: Behaviour | None, again: bool = False) -> str:
        path, host = tmp_path / "s", address()

        async def both() -> None:
            if behaviour:
                upstreams.append(await asyncio.start_unix_server(behaviour, path))
            front = Front(host, 8080, path, "/health/", lambda: "", Patience(answer=0.3), again)
            fronts.append(front)
            await front.start()

        loop.call(both())
        return host

    yield start
    for front in fronts:
        loop.call(front.close())
    for upstream in upstreams:
        loop.loop.call_soon_threadsafe(upstream.close)
    loop.close()


def test_no_gunicorn_is_502(fronted: Callable[[Behaviour | None], str]) -> None:
    assert ask(fronted(None), 8080, "/")[0] == 502


def test_a_gunicorn_that_dies_before_it_answers_is_502(fronted: Callable[[Behaviour | None], str]) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    assert ask(fronted(die), 8080, "/")[0] == 502


@pytest.mark.parametrize(("again", "method", "status"), [(True, "GET", 200), (True, "POST", 502), (False, "GET", 502)])
def test_before_uvicorn_what_may_be_repeated_is(fronted: Callable[..., str], again: bool, method: str, status: int) -> None:
    met: list[int] = []

    async def close_three(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        met.append(len(met))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if len(met) > 3 else b"")
        writer.close()

    with closing(http.client.HTTPConnection(fronted(close_three, again), 8080, timeout=60)) as visitor:
        visitor.request(method, "/")
        assert visitor.getresponse().status == status
    assert len(met) == (4 if status == 200 else 1)


def test_a_gunicorn_that_does_not_answer_in_time_is_504(fronted: Callable[[Behaviour | None], str]) -> None:
    async def dream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert ask(fronted(dream), 8080, "/")[0] == 504


def test_the_deep_check_reaches_the_middlewares_deep_path(fronted: Callable[[Behaviour | None], str]) -> None:
    seen = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    assert ask(fronted(note), 8080, "/health_check/shop.example.com/deep")[0] == 200
    assert seen[0].startswith("get /health/deep/ ") and "host: shop.example.com" in seen[0] and "x-forwarded-for" not in seen[0]
