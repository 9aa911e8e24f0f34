"""Visitors: they ask for pages through the balancer, then for every file that a page names through the CDN.

`python -m rehearsal.traffic --site JSON --out FILE`: writes a line of JSON for each request, until its
standard input ends. Also a small library for reading that file.
"""

import argparse
import http.client
import json
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from . import links

TIMEOUT = 15.0  # seconds
REDIRECTS = 5  # that a visitor follows
RELEASE, ERROR, WORKER = "x-rehearsal-release", "x-rehearsal-error", "x-rehearsal-worker"
_RELEASE = re.compile(rb'<meta name="release" content="([^"]+)"')
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
    worker: str = ""  # process, memory and time to load of the worker that answered, where the site says so


@dataclass(frozen=True)
class Site:
    """What visitors know of a site."""

    balancer: str  # a base URL, through which pages come, and files of the site's own host
    cdn: str  # a base URL
    domain: str
    pages: tuple[str, ...]
    static: str  # the path of static files
    releases: Mapping[str, str]  # names of releases by revision; {}: a page names its release itself
    files_host: str = ""  # where STATIC_URL is an address: its host, whose files come through the balancer here

    def asks(self, url: str) -> tuple[str, str] | None:
        """Return the base URL to ask, and the Host; None for what is none of the site's: nothing leaves this machine."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            return None
        base = f"{parts.scheme}://{parts.netloc}"
        if base == self.cdn:
            return base, parts.netloc
        is_file = parts.path.startswith(self.static)
        if base == self.balancer or parts.hostname == self.domain or (is_file and parts.hostname == self.files_host):
            return self.balancer, self.domain
        return None


@dataclass(frozen=True)
class Answer:
    """What came of a request; `status` 0: nothing, `why` says so."""

    at: float
    url: str
    status: int
    headers: Mapping[str, str]  # by names in small letters
    body: bytes
    why: str


class Visitor:
    """One visitor with cookies of their own; `started`: when time began; `patience`: for each answer, in seconds."""

    def __init__(self, site: Site, started: float, patience: float = TIMEOUT) -> None:
        self._site = site
        self._patience = patience
        self._started = started
        self._cookies: SimpleCookie = SimpleCookie()

    def visit(self, page: str) -> Iterator[Request]:
        """Ask for a page, then for whatever it names; yield each request."""
        answer = self.page(page)
        version = self._version(answer)
        problem = answer.why or self._wrong(answer, version)
        yield Request(answer.at, "page", page, answer.status, version, problem, answer.headers.get(WORKER, ""))
        if not problem:
            for link in sorted(links.of_page(answer.body.decode(errors="replace")).files):
                url = links.joined(answer.url, link)
                if self._site.static in urlsplit(url).path:
                    yield from self._file(url, version)

    def page(self, page: str) -> Answer:
        """Return the answer to a page, after its redirects within the site."""
        url = links.joined(f"{self._site.balancer}/", page)
        for _ in range(REDIRECTS):
            answer = self._get(url)
            target = links.joined(url, answer.headers.get("location", ""))
            if answer.status not in (301, 302, 303, 307, 308) or self._site.asks(target) is None:
                return answer
            url = target
        return replace(answer, why=f"more than {REDIRECTS} redirects, the last to {url}")

    def _version(self, answer: Answer) -> str:
        if self._site.releases:
            revision = answer.headers.get(RELEASE, "")
            return self._site.releases.get(revision, "")
        found = _RELEASE.search(answer.body)
        return found[1].decode() if found else ""

    def _wrong(self, answer: Answer, version: str) -> str:
        """Return what is wrong with a page: a site of one's own may say 404 or 403, and redirect to others."""
        well = 200 <= answer.status < 500 and answer.status != 400 if self._site.releases else answer.status == 200
        return "" if well and version else said(answer)

    def _file(self, url: str, page_version: str) -> Iterator[Request]:
        if self._site.asks(url) is None:
            return
        answer = self._get(url)
        mark = None if self._site.releases or not url.endswith((".css", ".js")) else _MARK.search(answer.body[:4096])
        version = mark[1].decode() if mark else ""
        problem = answer.why or ("" if answer.status == 200 else f"status {answer.status}, named by a page of {page_version}")
        if not problem and version and version != page_version:
            problem = f"is of {version}, named by a page of {page_version}"
        yield Request(answer.at, "file", url, answer.status, version, problem)
        if answer.status == 200 and urlsplit(url).path.endswith(".css"):
            for inner in sorted({match.decode(errors="replace") for match in _INNER.findall(answer.body)}):
                yield from self._file(links.joined(url, inner), page_version)

    def _get(self, url: str) -> Answer:
        asked = self._site.asks(url)
        if asked is None:
            raise ValueError(f"{url} is none of the site's")
        base, host = asked
        at, parts, where = time.monotonic() - self._started, urlsplit(url), urlsplit(base)
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        cookies = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in self._cookies.items())
        headers = {"Host": host, "User-Agent": "visitor"} | (
            {"Cookie": cookies} if cookies and base == self._site.balancer else {}
        )
        connection = http.client.HTTPConnection(where.hostname or "", where.port or 80, timeout=self._patience)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie", []):
                self._cookies.load(cookie)
            return Answer(
                at, url, answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read(), ""
            )
        except (OSError, http.client.HTTPException) as error:
            return Answer(at, url, 0, {}, b"", f"no answer: {error or type(error).__name__}")
        finally:
            connection.close()


def _stroll(
    site: Site, started: float, number: int, write: threading.Lock, out: Path, over: threading.Event, pause: float
) -> None:
    visitor = Visitor(site, started)
    with out.open("a", encoding="utf-8", buffering=1) as lines:
        for turn in range(number, 10**9):
            for request in visitor.visit(site.pages[turn % len(site.pages)]):
                with write:
                    lines.write(json.dumps(asdict(request)) + "\n")
            if over.wait(pause):
                return


def said(answer: Answer) -> str:
    """Return what an answer says of itself, with the error that the site's process had, if it says so."""
    error = answer.headers.get(ERROR, "")
    return answer.why or f"status {answer.status}{f': {error}' if error else ''}"


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
    parser.add_argument("--site", required=True, help="JSON with the fields of Site")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--visitors", type=int, default=2)
    parser.add_argument("--pause", type=float, default=0.15, help="seconds between two pages of a visitor")
    args = parser.parse_args(arguments)
    over, write, started = threading.Event(), threading.Lock(), time.monotonic()
    site = Site(**json.loads(args.site))
    threads = [
        threading.Thread(target=_stroll, args=(site, started, number, write, args.out, over, args.pause))
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
