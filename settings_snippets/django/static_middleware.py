"""Serve static files that are looked up when they are asked for, in place of WhiteNoise's reading of all of them at start.

Copy this file into the project and name `StaticFilesMiddleware` in MIDDLEWARE where `whitenoise.middleware.WhiteNoiseMiddleware`
stood; all WHITENOISE_ settings go on meaning what they meant. Answers are WhiteNoise's own. What differs:

- A process starts without reading STATIC_ROOT, and serves a file that appears there later: nothing has to be restarted.
- A file is served for ever (`immutable`) if this release's manifest names it, or if the MD5 in its name is that of its content:
  other releases' files too. What such a file needs is remembered, for the last 10,000 of them; any other file is looked at anew.
- A 404 below the static URL is `no-store`, so that no CDN keeps it. It is remembered for a second, so a flood of them is cheap.
- A file that is pruned while the process runs is a 404.
- Under ASGI files are read in threads, and streamed without blocking.

WHITENOISE_ROOT and WHITENOISE_USE_FINDERS are still read at start; under DEBUG (WHITENOISE_AUTOREFRESH) this is WhiteNoise as it
is. On EFS mount with `lookupcache=positive`: else the NFS client remembers for up to a minute that a file was missing.

Made for Django 4.2 to 5.2 and WhiteNoise 6.12.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Lock
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase
from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseFileResponse, WhiteNoiseMiddleware
from whitenoise.responders import NotARegularFileError

KEPT = 10_000  # files and verdicts; some 4 KB each
MISSES = 10_000
MISS_SECONDS = 1.0
LONGEST_MISS = 512  # characters; a longer one is not remembered
SETTLED_SECONDS = 3600.0  # a younger file without .gz may still get one from a storage that compresses last
CHUNK = 64 * 1024  # bytes
_HASHED = re.compile(r"\.([0-9a-f]{12})(\.[^.]*)?$")
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Serve what lies below STATIC_ROOT at the time of the request."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any] | None = None, settings: Any = django_settings) -> None:
        self._lock = Lock()
        self._kept: dict[str, None] = {}
        self._verdicts: dict[str, tuple[tuple[int, int, int], bool]] = {}
        self._misses: dict[str, float] = {}
        skip = getattr(settings, "WHITENOISE_SKIP_COMPRESS_EXTENSIONS", None)
        self._compressor = Compressor(extensions=skip, quiet=True)
        self._is_async = iscoroutinefunction(get_response)
        super().__init__(get_response, settings)
        if self._is_async:
            markcoroutinefunction(self)

    def add_files(self, root: Any, prefix: str | None = None) -> None:
        """Note STATIC_ROOT without reading it; read any other directory."""
        if self.autorefresh or root != self.static_root or prefix != self.static_prefix:
            super().add_files(root, prefix)
        else:
            self.directories.insert(0, (os.path.abspath(root).rstrip(os.path.sep) + os.path.sep, prefix))  # noqa: PTH100

    # Answering.

    def __call__(self, request: HttpRequest) -> Any:
        """Answer a request for a file, and pass on any other; a coroutine where the next middleware is one."""
        if self._is_async:
            return self._answer_async(request)
        response = self._own_answer(request)
        return self._passed_on(request, self.get_response(request)) if response is None else response

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        response = None
        if self.autorefresh or request.path_info in self.files or self._is_below(request.path_info):
            response = await sync_to_async(self._own_answer, thread_sensitive=False)(request)
        if response is None:
            return self._passed_on(request, await self.get_response(request))
        if (file := getattr(response, "file_to_stream", None)) is not None:
            response.streaming_content = _chunks(file)
        return response

    def _own_answer(self, request: HttpRequest) -> Any:
        """Return the answer if it can be given here."""
        url = request.path_info
        static_file = self.files.get(url)
        if static_file is None or self.autorefresh:
            if self._is_missed(request):
                return _not_found()
            static_file = self.find_file(url)
        for _ in range(3):
            if static_file is None:
                return None
            try:
                response = self.serve(static_file, request)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
            else:
                if url in self._kept or _is_whole(response):
                    return response
                response.close()
            # Pruned or replaced between look-up and opening.
            self._forget(url)
            static_file = self.find_file(url)
        return None

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> Any:
        """Return WhiteNoise's response; headers that are given at once save the making of a default one and its removal."""
        response = static_file.get_response(request.method, request.META)
        headers = dict(response.headers)
        served = WhiteNoiseFileResponse(response.file or (), status=int(response.status), headers=headers)
        if "Content-Type" not in headers:
            del served["Content-Type"]
        return served

    def _passed_on(self, request: HttpRequest, response: Any) -> Any:
        url = request.path_info
        if response.status_code == 404 and self._is_below(url):
            response.headers["Cache-Control"] = "no-store"
            # Where a view matched, it decides each time anew.
            if request.resolver_match is None and len(url) <= LONGEST_MISS and not self.autorefresh:
                self._remember_miss(url)
        return response

    # Looking up.

    def find_file(self, url: str) -> Any:
        """Return the file of this URL path as it lies on the disk now, or None."""
        if not self.autorefresh and not self._is_below(url):
            return None
        try:
            if self.index_file is not None and url + "/" == self.static_prefix:
                path = Path(self.static_root or "", self.index_file)
                return self.redirect(url, url + "/") if path.is_file() else None
            return super().find_file(url)
        except NotARegularFileError:
            return None
        except OSError as error:
            if error.errno in (*_GONE, errno.ELOOP, errno.ENAMETOOLONG):
                return None
            raise

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> Any:
        """Return WhiteNoise's file, and keep it if its content cannot change any more."""
        static_file = super().get_static_file(path, url, stat_cache=stat_cache)
        lasting = stat_cache is None and not self.autorefresh and self.immutable_file_test(path, url)
        if lasting and (len(static_file.alternatives) > 1 or not self._compressor.should_compress(path) or _is_settled(path)):
            self._keep(url, static_file)
        return static_file

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Return whether the manifest or the content itself proves the hash in the name."""
        if super().immutable_file_test(path, url):
            return True
        return not self.autorefresh and bool(url.startswith(self.static_prefix)) and self._proves_its_name(path)

    def _proves_its_name(self, path: str) -> bool:
        """Return whether the 12 digits in the name are of the content's MD5 (Django's HashedFilesMixin.file_hash)."""
        match = _HASHED.search(os.path.basename(path))  # noqa: PTH119
        if match is None:
            return False
        try:
            known = self._verdicts.get(path)
            # Asked twice for each file that is found, and an NFS client asks its server at each opening.
            if known is not None and known[0] == _version(os.stat(path)):  # noqa: PTH116
                return known[1]
            with open(path, "rb") as stream:  # noqa: PTH123
                version = _version(os.fstat(stream.fileno()))
                digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        except OSError:
            return False
        verdict = digest.startswith(match[1])
        with self._lock:
            _trim(self._verdicts, KEPT - 1)
            self._verdicts[path] = (version, verdict)
        return verdict

    def _is_below(self, url: str) -> bool:
        return url.startswith(self.static_prefix) or (self.index_file is not None and url + "/" == self.static_prefix)

    # Remembering.

    def _keep(self, url: str, static_file: Any) -> None:
        with self._lock:
            while len(self._kept) >= KEPT:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                self.files.pop(oldest, None)
            self._kept[url] = None
            self.files[url] = static_file

    def _forget(self, url: str) -> None:
        with self._lock:
            if url in self._kept:
                del self._kept[url]
                self.files.pop(url, None)

    def _is_missed(self, request: HttpRequest) -> bool:
        return self._misses.get(request.path_info, 0.0) > time.monotonic() and request.method in ("GET", "HEAD")

    def _remember_miss(self, url: str) -> None:
        with self._lock:
            self._misses.pop(url, None)  # a dictionary keeps the first place of a key
            _trim(self._misses, MISSES - 1)
            self._misses[url] = time.monotonic() + MISS_SECONDS


def _trim(memory: dict[str, Any], most: int) -> None:
    while len(memory) > most:
        del memory[next(iter(memory))]


def _version(stat: os.stat_result) -> tuple[int, int, int]:
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _is_settled(path: str) -> bool:
    return time.time() - Path(path).stat().st_mtime > SETTLED_SECONDS


def _is_whole(response: Any) -> bool:
    """Return whether the opened file is still as long as the headers say."""
    file = getattr(response, "file_to_stream", None)
    if file is None:
        return True
    size = os.fstat(getattr(file, "fileobj", file).fileno()).st_size
    headers = response.headers
    return bool(str(size) == headers.get("Content-Range", headers.get("Content-Length", "")).rpartition("/")[2])


def _not_found() -> HttpResponseNotFound:
    headers = {"Cache-Control": "no-store", "Content-Length": "9"}
    return HttpResponseNotFound(b"Not Found", content_type="text/plain; charset=utf-8", headers=headers)


async def _chunks(file: Any) -> AsyncIterator[bytes]:
    read = sync_to_async(file.read, thread_sensitive=False)
    while chunk := await read(CHUNK):
        yield chunk
