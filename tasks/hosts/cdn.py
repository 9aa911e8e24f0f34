"""Requests to the CDN as a visitor: from here, without SSH, over kept connections."""

from __future__ import annotations

import ssl
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import responses
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

from ..decisions.release.file_contents import Digest
from .http import FILE, PAGE, Limits
from .shell.scripts.pages import by_name

WIDTH = 8
_AGE = 1.1  # seconds, so that a cached answer has an Age
_CHUNK = 65536  # bytes
# A kept connection may be closed just before it is used again.
_AGAIN = urllib3.Retry(total=5, connect=0, read=1, redirect=4, status=0, other=1)

Check = Callable[[str, Digest], str]


def failures(
    base: str, paths: Sequence[str], seen: Callable[[str], None], check: Check | None = None, limits: Limits = FILE
) -> dict[str, str]:
    """Request every (quoted) path below a base URL; return the fault by path.

    `seen` gets the progress; `check(path, digest)`: the fault of a content, or "". Without it only the headers are
    requested, with it whole files, which the CDN then caches.
    """
    wrong: dict[str, str] = {}
    base = base.rstrip("/")
    with _pool(base) as http, ThreadPoolExecutor(WIDTH) as pool:
        requests = {pool.submit(_request, http, base, path, check, limits): path for path in paths}
        for number, future in enumerate(as_completed(requests), 1):
            fault = future.result()
            if fault:
                wrong[requests[future]] = fault
            if number % 100 == 0:
                seen(f"{number} of {len(paths)} requested, {len(wrong)} wrong")
    return wrong


def asked_twice(base: str, path: str, limits: Limits = PAGE) -> dict[str, str] | None:
    """Return the headers of the second answer to a missing path, their names in lower case.

    None where the CDN did not answer with an error twice.
    """
    with _pool(base) as http:
        for number in range(2):
            if number:
                time.sleep(_AGE)
            try:
                answer = http.request(
                    "GET",
                    base.rstrip("/") + path,
                    headers={"User-Agent": "ramped"},
                    timeout=limits.step,
                    retries=0,
                    preload_content=False,
                )
            except HTTPError:
                return None
            answer.close()  # its headers are enough, and the page of an error may be of any size
            if answer.status < 400:
                return None
    return by_name(answer.headers.items())


def _pool(base: str) -> urllib3.PoolManager:
    """Return the connections to a CDN, through the proxy of the environment."""
    parts = urlsplit(base)
    proxy = urllib.request.getproxies().get(parts.scheme)
    context = ssl.create_default_context() if parts.scheme == "https" else None
    if proxy and not urllib.request.proxy_bypass(parts.netloc):
        return urllib3.ProxyManager(proxy, maxsize=WIDTH, block=True, ssl_context=context)
    return urllib3.PoolManager(maxsize=WIDTH, block=True, ssl_context=context)


def _request(http: urllib3.PoolManager, base: str, path: str, check: Check | None, limits: Limits) -> str:
    end, digest, size = time.monotonic() + limits.whole, Digest(), 0
    try:
        answer = http.request(
            "GET" if check else "HEAD",
            base + path,
            headers={"User-Agent": "ramped"},
            timeout=limits.step,
            retries=_AGAIN,
            preload_content=False,
        )
        try:
            if answer.status >= 300:
                answer.close()
                return f"{answer.status} {responses.get(answer.status, '')}".strip()
            while piece := answer.read1(_CHUNK, decode_content=False):
                digest.update(piece)
                size += len(piece)
                if size > limits.size or time.monotonic() > end:
                    answer.close()
                    return f"no whole answer within {limits.whole:.0f} s and {limits.size >> 20} MiB"
        finally:
            answer.release_conn()
    except MaxRetryError as error:
        return _words(error.reason or error)
    except HTTPError as error:
        return _words(error)
    return check(path, digest) if check else ""


def _words(error: BaseException) -> str:
    """Return an error without the object that urllib3 names first."""
    return str(error).rpartition(">: ")[2] or type(error).__name__
