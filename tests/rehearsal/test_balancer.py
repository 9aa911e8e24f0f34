"""The balancer's data plane: real requests to real targets."""

import hashlib
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from rehearsal.balancer import Balancer
from rehearsal.proxy import Patience
from tests.rehearsal.hosts.support import Load, address, ask, until
from tests.rehearsal.origins import Origin, Raw


class Targets:
    """The routes that a test decides on."""

    def __init__(self, *targets: tuple[str, int]) -> None:
        self.now = list(targets)

    def routable(self) -> list[tuple[str, int]]:
        return list(self.now)


Started = Callable[..., tuple[Balancer, str]]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def balancer(stack: ExitStack) -> Started:
    def start(routes: Targets, patience: Patience | None = None) -> tuple[Balancer, str]:
        host = address()
        balancer = Balancer(host, 8080, routes, patience)
        balancer.start()
        stack.callback(balancer.close)
        return balancer, host

    return start


@pytest.fixture
def origin(stack: ExitStack) -> Callable[[], Origin]:
    def start() -> Origin:
        origin = Origin()
        stack.callback(origin.close)
        return origin

    return start


def raw(stack: ExitStack, *args: bytes, **options: object) -> Raw:
    server = Raw(*args, **options)  # type: ignore[arg-type]
    stack.callback(server.close)
    return server


def test_requests_go_round_robin(balancer: Started, origin: Callable[[], Origin]) -> None:
    origins = [origin(), origin(), origin()]
    it, host = balancer(Targets(*(o.where for o in origins)))
    assert [ask(host, 8080, f"/{n}")[0] for n in range(9)] == [200] * 9
    assert [len(o.asked) for o in origins] == [3, 3, 3]
    until(lambda: it.requests == {200: 9})
    assert it.by_target == {o.where: 3 for o in origins}


def test_the_target_sees_who_asked_and_what_was_asked(balancer: Started, origin: Callable[[], Origin]) -> None:
    _, host = balancer(Targets(origin().where))
    body = ask(host, 8080, "/a%20b?c=d&e", **{"Host": "shop.test", "X-Forwarded-For": "198.51.100.7", "Cookie": "k=v"})[1]
    seen = json.loads(body)
    assert seen["path"] == "/a%20b?c=d&e"
    headers = seen["headers"]
    assert headers["host"] == "shop.test" and headers["cookie"] == "k=v"
    assert headers["x-forwarded-for"] == "198.51.100.7, 127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", "8080")


def test_no_target_is_503(balancer: Started) -> None:
    it, host = balancer(Targets())
    assert ask(host, 8080, "/")[0] == 503
    until(lambda: it.requests == {503: 1})


def test_a_target_that_refuses_is_502_and_the_next_one_is_not_asked_in_its_place(
    balancer: Started, origin: Callable[[], Origin]
) -> None:
    well = origin()
    _, host = balancer(Targets((address(), 9), well.where))
    assert [ask(host, 8080, "/")[0] for _ in range(4)] == [502, 200, 502, 200]
    assert len(well.asked) == 2


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 20", b"garbage\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_target_that_closes_or_garbles_is_502_and_asked_once(balancer: Started, stack: ExitStack, reply: bytes) -> None:
    target = raw(stack, reply)
    _, host = balancer(Targets(target.where))
    assert ask(host, 8080, "/")[0] == 502
    assert target.connections == 1


def test_a_target_that_resets_is_502(balancer: Started, stack: ExitStack) -> None:
    target = raw(stack, b"", reset=True)
    _, host = balancer(Targets(target.where))
    assert ask(host, 8080, "/")[0] == 502


def test_a_target_that_does_not_answer_in_time_is_504(balancer: Started, stack: ExitStack) -> None:
    target = raw(stack, b"", hold=threading.Event())
    it, host = balancer(Targets(target.where), Patience(answer=0.3))
    assert ask(host, 8080, "/")[0] == 504
    until(lambda: it.requests == {504: 1})


@pytest.mark.parametrize("framing", [b"Content-Length: 1000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_answer_cut_short_is_cut_short_for_the_visitor(balancer: Started, stack: ExitStack, framing: bytes) -> None:
    target = raw(stack, b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n5\r\nhello\r\n")
    _, host = balancer(Targets(target.where))
    assert ask(host, 8080, "/") == (0, b"")


def test_an_answer_that_ends_with_the_connection_is_whole(balancer: Started, stack: ExitStack) -> None:
    _, host = balancer(Targets(raw(stack, b"HTTP/1.0 200 OK\r\n\r\nold style").where))
    assert ask(host, 8080, "/") == (200, b"old style")


def test_megabytes_up_and_down(balancer: Started, origin: Callable[[], Origin]) -> None:
    target, data = origin(), os.urandom(3_000_000)
    target.paths["/big"] = lambda: (200, {}, data)
    _, host = balancer(Targets(target.where))
    assert hashlib.sha256(ask(host, 8080, "/big")[1]).digest() == hashlib.sha256(data).digest()
    assert json.loads(ask(host, 8080, "/up", "POST", data)[1])["size"] == len(data)


def test_a_connection_of_a_visitor_is_kept_for_several_requests(balancer: Started, origin: Callable[[], Origin]) -> None:
    targets = Targets(origin().where)
    _, host = balancer(targets)
    with closing(http.client.HTTPConnection(host, 8080, timeout=30)) as visitor:
        visitor.request("GET", "/1")
        first = visitor.getresponse()
        assert first.read() and first.status == 200
        connection = visitor.sock
        targets.now = [origin().where]
        visitor.request("POST", "/2", b"body")
        assert json.loads(visitor.getresponse().read())["size"] == 4
        visitor.request("HEAD", "/3")
        head = visitor.getresponse()
        assert head.read() == b"" and int(head.headers["Content-Length"]) > 0
        assert visitor.sock is connection


def test_a_visitor_who_waits_for_100_continue_gets_it(balancer: Started, origin: Callable[[], Origin]) -> None:
    _, host = balancer(Targets(origin().where))
    with socket.create_connection((host, 8080), timeout=30) as visitor:
        visitor.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert visitor.recv(100).startswith(b"HTTP/1.1 100")
        visitor.sendall(b"ab")
        answer = b"".join(iter(lambda: visitor.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200") and b'"size": 2' in answer


@pytest.mark.parametrize(
    "sent", [b"what is this\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000]
)
def test_what_is_no_request_is_refused(balancer: Started, origin: Callable[[], Origin], sent: bytes) -> None:
    target = origin()
    _, host = balancer(Targets(target.where))
    with socket.create_connection((host, 8080), timeout=30) as visitor:
        visitor.sendall(sent)
        assert visitor.recv(65536).startswith(b"HTTP/1.1 4")
    assert target.asked == []


def test_an_open_request_finishes_after_its_target_has_left(balancer: Started, origin: Callable[[], Origin]) -> None:
    leaving, staying, go_on = origin(), origin(), threading.Event()

    def slowly() -> tuple[int, dict[str, str], bytes]:
        go_on.wait(60)
        return 200, {}, b"finished"

    leaving.paths["/slow"] = slowly
    targets = Targets(leaving.where)
    _, host = balancer(targets)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, host, 8080, "/slow")
        until(lambda: leaving.asked)
        targets.now = [staying.where]
        assert [ask(host, 8080, "/")[0] for _ in range(5)] == [200] * 5
        go_on.set()
        assert answer.result() == (200, b"finished")
    assert len(leaving.asked) == 1


def test_targets_come_and_go_under_load_without_a_loss(balancer: Started, origin: Callable[[], Origin]) -> None:
    origins = [origin() for _ in range(3)]
    targets = Targets(origins[0].where)
    _, host = balancer(targets)
    with Load(host, 8080) as load:
        for now in ([0, 1], [1], [1, 2], [2]):
            targets.now = [origins[n].where for n in now]
            load.more(30)
    assert load.statuses() == {200}
    assert all(o.asked for o in origins)


def test_a_visitor_who_leaves_is_counted_and_hurts_nobody(balancer: Started, origin: Callable[[], Origin]) -> None:
    target, go_on = origin(), threading.Event()

    def later() -> tuple[int, dict[str, str], bytes]:
        go_on.wait(60)
        return 200, {}, b"x" * 3_000_000

    target.paths["/slow"] = later
    it, host = balancer(Targets(target.where))
    with socket.create_connection((host, 8080)) as visitor:
        visitor.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: target.asked)
    go_on.set()
    until(lambda: it.requests == {460: 1})
    assert ask(host, 8080, "/")[0] == 200


def test_half_a_request_body_reaches_nobody_as_a_whole_one(balancer: Started, origin: Callable[[], Origin]) -> None:
    target = origin()
    it, host = balancer(Targets(target.where))
    with socket.create_connection((host, 8080)) as visitor:
        visitor.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        until(lambda: it.by_target)
    until(lambda: it.requests)
    assert 200 not in it.requests


def test_closing_frees_the_address_and_again_is_harmless(origin: Callable[[], Origin]) -> None:
    host, target = address(), origin()
    for _ in range(2):
        it = Balancer(host, 8080, Targets(target.where))
        it.start()
        assert ask(host, 8080, "/")[0] == 200
        it.close()
        it.close()
        assert ask(host, 8080, "/")[0] == 0


def test_a_taken_address_is_an_error(balancer: Started, stack: ExitStack) -> None:
    _, host = balancer(Targets())
    other = Balancer(host, 8080, Targets())
    stack.callback(other.close)
    with pytest.raises(OSError, match="in use"):
        other.start()
