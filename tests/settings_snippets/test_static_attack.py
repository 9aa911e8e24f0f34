"""Static files and the page behind real nginx and gunicorn, asked by thousands of requests that mean no good.

Nothing but the published files and the site's page may be answered, in whole or in the parts that the answer names.
"""

import gzip
import hashlib
import random
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import pytest

from tests.settings_snippets.nginx import BALANCER, NGINX, careful, serving
from tests.settings_snippets.project import PATIENCE, SNIPPETS, eventually, gunicorn, text_of

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here: apt-get install nginx-light")

DOTS = (
    "..",
    "%2e%2e",
    "%2E.",
    "%252e%252e",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae",
    "%uff0e",
    "..;",
    "..%00",
    "~root",
)
DOTS += (
    "%ef%bc%8e%ef%bc%8e",
    ".",
    "",
    "..%0d%0a",
    "..%5c",
    "..\\",
    "...",
    "%00",
    "%ff",
    "..%c0%af",
    "%e2%80%a5",
    "css",
    "img",
    "out",
)
SLASHES = ("/", "%2f", "%2F", "%5c", "\\", "//", "%252f", "%c0%af", "/./", "%2f%2e%2f", ";/", "%e2%88%95", "%ef%bc%8f")
ENDS = (
    "secret.txt",
    "db.sqlite3",
    "app/config/settings.py",
    "etc/passwd",
    "static/css/site.css",
    "css/site.css",
    "",
    "css/site.css.gz",
)
TAILS = ("?x", "#y", "%00.css", "%20", "%0aX-Evil: y", "%0d%0aSet-Cookie: a=b", ".", " ", "?" + "y" * 4000)
ODD = (
    "c#.css",
    "a b.css",
    "a%20b.css",
    "ü.css",
    "q?.css",
    "a\nX-Evil: 1.css",
    '"q".css',
    "%2e%2e.css",
    "a;b.css",
    "nl\r\nSet-Cookie: a=b.txt",
)
MANY = "bytes=" + ",".join(f"{n}-{n}" for n in range(400))
RANGES = ("bytes=0-", "bytes=-0", "bytes=0-0", "bytes=9-1", "bytes=-5", MANY, "bytes=0-" + "9" * 19, "bytes=a-b", "lines=1-2")
RANGES += (
    "bytes=" + "9" * 4000 + "-",
    "bytes=\u0663-",
    "bytes=0-1, 2-3",
    "bytes=,",
    "bytes= 3 - 9",
    "bytes=-",
    "bytes=--1",
    "bytes=7-7\t",
)
DATES = (
    "",
    "0",
    "Thu,",
    "Thu, 01",
    "Thu, 01 Jan",
    "Thu, 01 Jan 9999999999 00:00:00 GMT",
    "::::::",
    "-----",
    ", , ,",
    "a" * 4000,
    "\u0663",
)
DATES += ("Thu, 01 Jan 1970 99:99:99 GMT", "Thu, 00 Jan 0000 00:00:00", "Jan Jan Jan Jan Jan", "1 1 1 1 1 1 1")
DATES += ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999 99:99:99 +" + "9" * 20)
TAGS = ("*", '"x"', 'W/"x"', ",,,", '"' * 3000, "W/" * 3000, '"a",' * 500, "\x80\xff", "", '"', '""')
ENCODINGS = ("gzip", "br", "*", "gzip;q=0", "identity;q=0", "x-gzip", "gzip;" * 500, "\x80", "gzip,,,;q=", "br;q=\u0660", "GZIP")
HEADERS = {
    "Range": RANGES,
    "If-Range": (*TAGS, *DATES),
    "If-None-Match": TAGS,
    "If-Modified-Since": DATES,
    "If-Match": TAGS,
    "If-Unmodified-Since": DATES,
    "Accept-Encoding": ENCODINGS,
    "X-Forwarded-Host": ("evil.example",),
    "X-Original-URL": ("/evil.example",),
    "Forwarded": ("host=evil.example",),
}
METHODS = ("GET",) * 8 + ("HEAD", "HEAD", "POST", "OPTIONS", "PUT", "TRACE", "get", "DELETE")
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: www.example.com\r\n\r\n"


@dataclass
class Site:
    """A site behind nginx (`port`) and gunicorn (`place`), and what it publishes by URL."""

    port: int
    place: Path
    log: IO[bytes]
    files: dict[str, bytes]

    def send(self, request: bytes, *, direct: bool = False) -> bytes:
        """Return all that is answered, to nginx as the load balancer, or `direct` to gunicorn."""
        with socket.socket(socket.AF_UNIX if direct else socket.AF_INET) as to:
            to.settimeout(PATIENCE)
            if not direct:
                to.bind((BALANCER, 0))
            to.connect(str(self.place) if direct else ("127.0.0.1", self.port))
            answer = b""
            try:
                to.sendall(request)
                while part := to.recv(65536):
                    answer += part
            except ConnectionError:
                pass  # refused before it was read
            return answer


@contextmanager
def running(root: Path) -> Iterator[Site]:
    project = careful(root)
    shutil.copyfile(SNIPPETS / "django/static_middleware.py", project.base / "config/static_middleware.py")
    settings = project.base / "config/settings.py"
    settings.write_text(settings.read_text() + '\nMIDDLEWARE[1] = "config.static_middleware.StaticFilesMiddleware"\n')
    (root / "secret.txt").write_text("SECRET of the site")
    for name in ODD:
        (project.static / name).write_text(f"odd {len(name)} " * 50)
    for name in ("x\r\nSet-Cookie: a=b", "dir"):
        (project.static / name).mkdir()
    content = b"p { color: blue }" * 50
    wrong = project.static / f"wrong.{hashlib.md5(content).hexdigest()[:12]}.css"
    wrong.write_bytes(content)
    wrong.with_name(f"{wrong.name}.gz").write_bytes(gzip.compress(b"another" * 9))  # a variant that is not the file
    files = {
        f"/static/{path.relative_to(project.static)}": path.read_bytes() for path in project.static.rglob("*") if path.is_file()
    }
    with gunicorn(project, "--access-logfile", "-") as (place, log), serving(root, place) as port:
        yield Site(port, place, log, files)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("attack")) as made:
        yield made


def target(pick: random.Random, files: list[str]) -> str:
    kind = pick.random()
    if kind < 0.45:
        return pick.choice(files)
    if kind < 0.6:
        return "/static/" + quote(pick.choice((*ODD, "x\r\nSet-Cookie: a=b", "dir"))) + pick.choice(("", "/", ".gz"))
    path = pick.choice(
        ("/static",) * 9 + ("/Static", "/%73tatic", "/static%00", "/x/../static", "/static..", "http://www.example.com/static")
    )
    path += pick.choice(SLASHES)
    for _ in range(pick.randrange(5)):
        path += pick.choice(DOTS) + pick.choice(SLASHES)
    return path + pick.choice(ENDS) + (pick.choice(TAILS) if pick.random() < 0.15 else "")


def request(pick: random.Random, files: list[str]) -> bytes:
    some = [(name, pick.choice(values)) for name, values in HEADERS.items() if pick.random() < 0.2]
    host = pick.choice(
        ("www.example.com",) * 6 + ("evil.example", "www.example.com:evil.example", "evil.example@www.example.com", "")
    )
    lines = [
        f"{pick.choice(METHODS)} {target(pick, files)} HTTP/1.1",
        f"Host: {host}",
        "X-Forwarded-Proto: https",
        "Connection: close",
    ]
    return ("\r\n".join([*lines, *(f"{name}: {value}" for name, value in some)]) + "\r\n\r\n").encode("latin-1", "replace")


def wrong(site: Site, sent: bytes, answer: bytes) -> str:
    """Return what is wrong with an answer, or an empty text."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head[9:12].decode()
    known = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    }
    if answer and not re.fullmatch(r"[234]\d\d|501|505", status):
        return f"status {status}"
    if head.count(b"HTTP/1.") > 1 or (b"HTTP/1.1 " in body):
        return "more than one answer"
    if re.search(rb"(?im)^(set-cookie|x-evil)\s*:", head) or b"evil.example" in answer.replace(b"http://evil.example", b""):
        return "what was sent is a header, or is repeated"
    if status not in ("200", "206") or sent.startswith((b"HEAD", b"OPTIONS")):
        return ""
    if body.startswith(b"https www.example.com"):
        return ""
    if status == "206":
        first, last = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/\d+", known["content-range"]).groups())  # type: ignore[union-attr]
        return "" if any(whole[first : last + 1] == body for whole in site.files.values()) else "a part of nothing"
    if "content-encoding" in known and "Accept-Encoding" not in known.get("vary", ""):
        return "a cache would give a packed answer to all"
    whole = gzip.decompress(body) if known.get("content-encoding") == "gzip" else body
    return "" if whole in site.files.values() else "no published file"


def attack(site: Site, seed: int, count: int) -> int:
    pick, files = random.Random(seed), [name for name in site.files if name.isascii() and re.fullmatch(r"[\w/.-]+", name)]
    found, good = [], 0
    for number in range(count):
        sent = request(pick, files)
        answer = site.send(sent, direct=number % 3 == 0)
        good += answer[9:10] == b"2"
        if why := wrong(site, sent, answer):
            found.append((why, sent[:300], answer[:300]))
    assert not found, (len(found), found[:5])
    assert "Traceback" not in text_of(site.log)
    return good


def test_nothing_but_published_files_is_answered(site: Site) -> None:
    assert attack(site, 4711, 1500) > 150, "requests that are answered belong to it"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_nothing_but_published_files_is_answered_to_thousands(site: Site, seed: int) -> None:
    assert attack(site, seed, 4000) > 400


def framings() -> Iterator[bytes]:
    """Return requests of which two readers could see different ends, with a second request where they would differ."""
    chunked, size = b"0\r\n\r\n" + SMUGGLED, len(SMUGGLED)
    for name in (
        b"Transfer-Encoding",
        b"Transfer-encoding ",
        b" Transfer-Encoding",
        b"Transfer_Encoding",
        b"X: y\nTransfer-Encoding",
    ):
        for value in (
            b"chunked",
            b"xchunked",
            b"chunked, identity",
            b"identity, chunked",
            b"\x0bchunked",
            b"chunked\r\n\tx",
            b'"chunked"',
        ):
            yield name + b": " + value + b"\r\nContent-Length: %d\r\n\r\n" % (size + 5) + chunked
            yield b"Content-Length: 4\r\n" + name + b": " + value + b"\r\n\r\n" + b"5c\r\n" + chunked
    for length in (
        b"0",
        b"+0",
        b"-0",
        b"0x0",
        b"0, 5",
        b" 0 ",
        b"0_0",
        b"\x000",
        b"1e0",
        b"00000000000000000000",
        b"18446744073709551616",
    ):
        yield b"Content-Length: " + length + b"\r\n\r\n" + SMUGGLED
        yield b"Content-Length: " + length + b"\r\nContent-Length: %d\r\n\r\n" % size + SMUGGLED
    for chunk in (
        b"0;x=\r\n\r\n",
        b"0\n\n",
        b"0x0\r\n\r\n",
        b"00000000\r\n\r\n",
        b"-0\r\n\r\n",
        b"0 \r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"0\r\r\n\r\n",
        b"fffffffffffffffff\r\n",
    ):
        yield b"Transfer-Encoding: chunked\r\n\r\n" + chunk + SMUGGLED
    for line in (
        b"Host: www.example.com\r\n x: y",
        b"\x00: y",
        b"Content-Length:\r\n 0",
        b"X\r: y",
        b"X: a\rContent-Length: 0",
        b": y",
    ):
        yield line + b"\r\nContent-Length: %d\r\n\r\n" % size + SMUGGLED


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_no_request_is_hidden_in_another(site: Site, method: str) -> None:
    """After `close` nginx reads no second one: where gunicorn sees one, the two did not agree where the first ends."""
    _seen(site, "/seen")
    begin = f"{method} /static/css/site.css HTTP/1.1\r\nHost: www.example.com\r\nX-Forwarded-Proto: https\r\n".encode()
    for framing in framings():
        # What closes ends the wait; a second request may come before it.
        answer = site.send(begin + b"Connection: close\r\n" + framing)
        assert answer.count(b"HTTP/1.1 ") <= 1 and b" 500 " not in answer[:20], (framing, answer[:300])
    _seen(site, "/seen-later")
    assert "/smuggled" not in text_of(site.log) and "Traceback" not in text_of(site.log)


def _seen(site: Site, path: str) -> None:
    """See that the log shows what gunicorn sees, which it writes after the answer."""
    request = f"GET {path} HTTP/1.1\r\nHost: www.example.com\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    site.send(request.encode())
    eventually(lambda: f"{path} " in text_of(site.log))
