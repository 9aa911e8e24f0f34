"""Visitors: they ask for pages through the balancer, then for every file that a page names through the CDN.

`python -m rehearsal.traffic --balancer URL --domain NAME --out FILE`: writes a line of JSON for each request, until its
standard input ends. Also a small library for reading that file.
"""

import argparse
import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

PAGES = ("/", "/products/1/", "/products/2/")
TIMEOUT = 15.0  # seconds
_RELEASE = re.compile(rb'<meta name="release" content="([^"]+)"')
_NAMED = re.compile(rb'(?:href|src)="([^"]*/static/[^"]+)"')
_INNER = re.compile(rb"""url\(["']?([^"')]+)["']?\)""")
_MARK = re.compile(rb"release (v\d+)")


@dataclass(frozen=True)
class Request:
    """One request of a visitor and what came of it."""

    at: float  # seconds since the visitors came
    kind: str  # page, file
    url: str
    status: int  # 0: no answer
    version: str  # the release that answered, where it says so
    problem: str  # empty: all is well


class Visitor:
    """One visitor; `balancer` is a base URL, `domain` the Host asked for."""

    def __init__(self, balancer: str, domain: str, started: float) -> None:
        self._balancer = balancer
        self._domain = domain
        self._started = started

    def visit(self, page: str) -> Iterator[Request]:
        """Ask for a page, then for whatever it names; yield each request."""
        at, status, body, why = self._get(self._balancer + page, self._domain)
        found = _RELEASE.search(body)
        version = found[1].decode() if found else ""
        problem = why or ("" if status == 200 and version else f"status {status}")
        yield Request(at, "page", page, status, version, problem)
        if not problem:
            for link in sorted({match.decode() for match in _NAMED.findall(body)}):
                yield from self._file(urljoin(self._balancer + page, link), version)

    def _file(self, url: str, page_version: str) -> Iterator[Request]:
        at, status, body, why = self._get(url, None)
        mark = _MARK.search(body[:4096]) if url.endswith((".css", ".js")) else None
        version = mark[1].decode() if mark else ""
        problem = why or ("" if status == 200 else f"status {status}, named by a page of {page_version}")
        if not problem and version and version != page_version:
            problem = f"is of {version}, named by a page of {page_version}"
        yield Request(at, "file", url, status, version, problem)
        if status == 200 and url.endswith(".css"):
            for inner in sorted({match.decode() for match in _INNER.findall(body)}):
                yield from self._file(urljoin(url, inner), page_version)

    def _get(self, url: str, host: str | None) -> tuple[float, int, bytes, str]:
        at = time.monotonic() - self._started
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
        try:
            connection.request("GET", parts.path, headers={"Host": host or parts.netloc, "User-Agent": "visitor"})
            answer = connection.getresponse()
            return at, answer.status, answer.read(), ""
        except (OSError, http.client.HTTPException) as error:
            return at, 0, b"", f"no answer: {error or type(error).__name__}"
        finally:
            connection.close()


def _stroll(visitor: Visitor, number: int, write: threading.Lock, out: Path, over: threading.Event, pause: float) -> None:
    with out.open("a", encoding="utf-8", buffering=1) as lines:
        for turn in range(number, 10**9):
            for request in visitor.visit(PAGES[turn % len(PAGES)]):
                with write:
                    lines.write(json.dumps(asdict(request)) + "\n")
            if over.wait(pause):
                return


def head(url: str) -> tuple[int, str]:
    """Return the status of a URL and what the CDN says about its cache."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        connection.request("HEAD", parts.path, headers={"Host": parts.netloc, "User-Agent": "operator"})
        answer = connection.getresponse()
        return answer.status, f"X-Cache: {answer.headers.get('X-Cache', '-')}, Age: {answer.headers.get('Age', '0')}"
    finally:
        connection.close()


def read(path: Path) -> list[Request]:
    """Read what the visitors wrote."""
    return [Request(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Let visitors come until standard input ends; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.traffic", description=__doc__)
    parser.add_argument("--balancer", required=True)
    parser.add_argument("--domain", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--visitors", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.15, help="seconds between two pages of a visitor")
    args = parser.parse_args(arguments)
    over, write, started = threading.Event(), threading.Lock(), time.monotonic()
    visitor = Visitor(args.balancer, args.domain, started)
    threads = [
        threading.Thread(target=_stroll, args=(visitor, number, write, args.out, over, args.pause))
        for number in range(args.visitors)
    ]
    for thread in threads:
        thread.start()
    while sys.stdin.buffer.read(1):
        continue
    over.set()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
