"""The CDN's data plane: real requests, a real origin, a clock of its own."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from rehearsal.cdn import Cdn
from rehearsal.proxy import Patience
from tests.rehearsal.hosts.support import address, ask, until
from tests.rehearsal.origins import Answer, Origin, Raw

HIT, MISS, ERROR = (f"{word} from cloudfront" for word in ("Hit", "Miss", "Error"))


class Edge:
    """A CDN before an origin, with a clock that the test moves."""

    def __init__(self, where: tuple[str, int], **options: Patience) -> None:
        self.now = time.monotonic()
        self.host = address()
        self.cdn = Cdn(self.host, 8080, where, 60, 10, now=lambda: self.now, **options)
        self.cdn.start()

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
        with closing(http.client.HTTPConnection(self.host, 8080, timeout=60)) as client:
            client.request(method, path, headers={"Host": "static.shop.test", **headers})
            answer = client.getresponse()
            return answer.status, answer.read(), answer.headers

    def seen(self, path: str, **headers: str) -> tuple[int, str | None]:
        status, _, answered = self.get(path, **headers)
        return status, answered["X-Cache"]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def origin(stack: ExitStack) -> Origin:
    origin = Origin()
    stack.callback(origin.close)
    return origin


@pytest.fixture
def edge(stack: ExitStack, origin: Origin) -> Edge:
    return made(stack, origin.where)


def made(stack: ExitStack, where: tuple[str, int], **options: Patience) -> Edge:
    edge = Edge(where, **options)
    stack.callback(edge.cdn.close)
    return edge


def says(status: int, control: str | None = None, body: bytes = b"body", **headers: str) -> Callable[[], Answer]:
    answered = {**headers, **({"Cache-Control": control} if control else {})}
    return lambda: (status, answered, body)


def test_the_second_request_is_a_hit_with_its_age(edge: Edge, origin: Origin) -> None:
    origin.paths["/a.css"] = says(200, "max-age=100", b"css", ETag='"1"')
    status, body, headers = edge.get("/a.css")
    assert (status, body, headers["X-Cache"], headers["Age"]) == (200, b"css", MISS, None)
    edge.now += 42
    status, body, headers = edge.get("/a.css")
    assert (status, body, headers["X-Cache"], headers["Age"]) == (200, b"css", HIT, "42")
    assert (headers["Cache-Control"], headers["ETag"], headers["Content-Length"]) == ("max-age=100", '"1"', "3")
    assert origin.asked == ["GET /a.css"]
    until(lambda: edge.cdn.requests == {("miss", 200): 1, ("hit", 200): 1})


@pytest.mark.parametrize(
    ("control", "fresh", "stale"),
    [(None, 59, 60), ("max-age=5", 4, 5), ("max-age=5, s-maxage=20", 19, 20), ("immutable", 59, 60)],
)
def test_an_answer_is_kept_as_long_as_it_says(
    edge: Edge, origin: Origin, control: str | None, fresh: float, stale: float
) -> None:
    origin.paths["/a"] = says(200, control)
    edge.get("/a")
    edge.now += fresh
    assert edge.seen("/a") == (200, HIT)
    edge.now += stale - fresh
    assert edge.seen("/a") == (200, MISS)


@pytest.mark.parametrize("control", ["no-store", "no-cache", "private", "max-age=0"])
def test_what_must_not_be_kept_is_not(edge: Edge, origin: Origin, control: str) -> None:
    origin.paths["/a"] = says(200, control)
    assert [edge.seen("/a") for _ in range(2)] == [(200, MISS)] * 2


def test_a_404_is_kept_although_the_file_has_come_until_it_is_invalidated(edge: Edge, origin: Origin) -> None:
    origin.paths["/css/shop.4f2a.css"] = says(404)
    assert edge.seen("/css/shop.4f2a.css") == (404, ERROR)
    origin.paths["/css/shop.4f2a.css"] = says(200)
    edge.now += 9
    status, _, headers = edge.get("/css/shop.4f2a.css")
    assert (status, headers["X-Cache"], headers["Age"]) == (404, ERROR, "9")
    edge.cdn.invalidate(["/css/shop.4f2a.css"])
    assert edge.seen("/css/shop.4f2a.css") == (200, MISS)


def test_a_404_is_forgotten_after_the_error_time(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = says(404)
    edge.get("/a")
    origin.paths["/a"] = says(200)
    edge.now += 10
    assert edge.seen("/a") == (200, MISS)


def test_a_404_that_says_no_store_is_not_kept(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = says(404, "no-store")
    edge.get("/a")
    origin.paths["/a"] = says(200)
    assert edge.seen("/a") == (200, MISS)


def test_a_503_is_kept_whatever_it_says(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = says(503, "no-store")
    edge.get("/a")
    origin.paths["/a"] = says(200)
    assert edge.seen("/a") == (503, ERROR)


def test_an_invalidation_with_a_star_takes_a_folder_and_leaves_the_rest(edge: Edge, origin: Origin) -> None:
    for path in ("/static/a", "/static/b?v=1", "/page"):
        edge.get(path)
    edge.cdn.invalidate(["/static/*"])
    assert [edge.seen(path)[1] for path in ("/static/a", "/static/b?v=1", "/page")] == [MISS, MISS, HIT]


def test_path_query_and_encoding_make_the_key(edge: Edge, origin: Origin) -> None:
    variants = [("/a", {}), ("/a?x=1", {}), ("/a", {"Accept-Encoding": "gzip"}), ("/a", {"Accept-Encoding": "gzip, br"})]
    assert [edge.seen(path, **headers)[1] for path, headers in variants] == [MISS] * 4
    assert [edge.seen(path, **headers)[1] for path, headers in variants] == [HIT] * 4
    assert edge.seen("/a", **{"Accept-Encoding": "br;q=0.9, gzip, deflate", "Cookie": "k=v"})[1] == HIT


def test_the_origin_is_asked_for_the_whole_object_by_the_viewer_s_host(edge: Edge) -> None:
    body = edge.get("/a", **{"Range": "bytes=0-1", "If-None-Match": '"x"', "Accept-Encoding": "deflate, gzip"})[1]
    headers = json.loads(body)["headers"]
    assert (headers["host"], headers["accept-encoding"]) == ("static.shop.test", "gzip")
    assert "range" not in headers and "if-none-match" not in headers
    assert headers["x-forwarded-for"] == "127.0.0.1" and "CloudFront" in headers["via"]


def test_head_and_get_share_what_is_kept(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = says(200, body=b"four")
    status, body, headers = edge.get("/a", "HEAD")
    assert (status, body, headers["Content-Length"], headers["X-Cache"]) == (200, b"", "4", MISS)
    assert edge.get("/a")[:2] == (200, b"four")
    assert edge.get("/a", "HEAD")[2]["X-Cache"] == HIT
    assert origin.asked == ["GET /a"]


def test_a_viewer_who_has_it_already_gets_304(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = says(200, ETag='"abc"')
    edge.get("/a")
    status, body, headers = edge.get("/a", **{"If-None-Match": '"abc"'})
    assert (status, body, headers["ETag"]) == (304, b"", '"abc"')
    assert edge.get("/a", **{"If-None-Match": '"other"'})[0] == 200


def test_other_methods_are_refused(edge: Edge, origin: Origin) -> None:
    assert ask(edge.host, 8080, "/a", "POST", b"body")[0] == 403
    assert origin.asked == []


def test_a_get_with_a_body_is_asked_without_it(edge: Edge) -> None:
    assert json.loads(ask(edge.host, 8080, "/a", "GET", b"body")[1])["size"] == 0


class Gate:
    """An answer that waits for the test."""

    def __init__(self, body: bytes) -> None:
        self.open = threading.Event()
        self._body = body

    def __call__(self) -> Answer:
        self.open.wait(60)
        return 200, {}, self._body


def test_those_who_ask_for_the_same_at_once_share_one_request(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = gate = Gate(b"shared")
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(edge.get, "/a") for _ in range(8)]
        until(lambda: origin.asked)
        time.sleep(0.2)
        gate.open.set()
        assert {answer.result()[:2] for answer in answers} == {(200, b"shared")}
    assert origin.asked == ["GET /a"]


def test_one_who_leaves_does_not_take_the_others_answer_along(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = gate = Gate(b"shared")
    with ThreadPoolExecutor(2) as pool:
        with closing(http.client.HTTPConnection(edge.host, 8080)) as first:
            first.request("GET", "/a")
            until(lambda: origin.asked)
            second = pool.submit(edge.get, "/a")
        gate.open.set()
        assert second.result()[:2] == (200, b"shared")


def test_what_was_fetched_before_an_invalidation_is_not_kept_after_it(edge: Edge, origin: Origin) -> None:
    origin.paths["/a"] = gate = Gate(b"old")
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(edge.get, "/a")
        until(lambda: origin.asked)
        edge.cdn.invalidate(["/*"])
        origin.paths["/a"] = says(200, body=b"new")
        assert edge.get("/a")[1] == b"new"
        gate.open.set()
        assert before.result()[1] == b"old"
    assert edge.get("/a")[1] == b"new"


def test_an_origin_that_refuses_is_502_and_kept_as_an_error(stack: ExitStack) -> None:
    edge = made(stack, (address(), 9))
    assert edge.seen("/a") == (502, ERROR)
    assert edge.get("/a")[2]["Age"] == "0"


def test_an_origin_that_cuts_its_answer_short_is_502(stack: ExitStack) -> None:
    short = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    stack.callback(short.close)
    assert made(stack, short.where).seen("/a") == (502, ERROR)


def test_an_origin_that_does_not_answer_is_504(stack: ExitStack) -> None:
    silent = Raw(hold=threading.Event())
    stack.callback(silent.close)
    assert made(stack, silent.where, patience=Patience(answer=0.3)).seen("/a") == (504, ERROR)


def test_closing_frees_the_address_and_again_is_harmless(origin: Origin) -> None:
    edge = Edge(origin.where)
    assert edge.seen("/a") == (200, MISS)
    edge.cdn.close()
    edge.cdn.close()
    edge.cdn.invalidate(["/*"])
    assert ask(edge.host, 8080, "/a")[0] == 0
