"""Serve static files that are looked up at each request, instead of WhiteNoise's reading of all files at start.

Copy this file into the project and name `StaticFilesMiddleware` in MIDDLEWARE where `whitenoise.middleware.WhiteNoiseMiddleware`
was; all WHITENOISE_ settings keep their meaning, and answers are WhiteNoise's. Differences:

- A process starts without reading STATIC_ROOT, and serves a file that appears there later: no restart is needed.
- A file is served as `immutable` once its content was seen to have the hash in its name, other releases' files
  too: by MD5, or by the storage's own `file_hash` where the manifest names it, or, of modules that import each other in a
  circle, by the notes of our storage beside its manifest. A .gz or .br is unpacked for that. If it does
  not unpack, it is not served; a .br that this machine cannot unpack (no Brotli) is, but not as `immutable`. Only a site's own
  WHITENOISE_IMMUTABLE_FILE_TEST is trusted unchecked; each process logs that when it starts.
- The headers of such files are kept, for the last 10,000; any other file is read again. Neither is sent if the
  opened file does not match the headers.
- A 404 below the static URL is `no-store`, so that no CDN caches it. It is kept for a second, so a flood of requests is cheap.
- A file that is pruned while the process runs is a 404.
- HTTP as in RFC 9110: ranges of a byte (GET alone), If-Range, lists of ETags and weak ones, `q=0`, and an ETag for each encoding.
- Under ASGI files are read in threads, and streamed without blocking; answers without a body cause no warnings.

WHITENOISE_ROOT and WHITENOISE_USE_FINDERS are still read at start; under DEBUG (WHITENOISE_AUTOREFRESH) this is plain
WhiteNoise. On EFS mount with `lookupcache=positive`: else the NFS client caches for up to a minute that a file was missing.

Made for Django 4.2 to 6.1 and WhiteNoise 6.12.
"""

# mypy: allow-subclassing-any

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import logging
import os
import re
import time
import zlib
from collections.abc import AsyncIterator, Callable
from email.utils import parsedate
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO
from wsgiref.headers import Headers

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import File
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.response import HttpResponseBase, ResponseHeaders
from whitenoise.compress import Compressor
from whitenoise.middleware import WhiteNoiseFileResponse, WhiteNoiseMiddleware
from whitenoise.responders import NOT_ALLOWED_RESPONSE, MissingFileError, NotARegularFileError, Response, SlicedFile, StaticFile

try:
    import brotli  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    brotli = None

logger = logging.getLogger(__name__)

Version = tuple[int, int, int]
KEPT = 10_000  # files and verdicts; some 4 KB each
MISSES = 10_000
MISS_SECONDS = 1.0
LONGEST_MISS = 512  # characters; a longer path is not kept
SETTLED_SECONDS = 3600.0  # a younger file may still get a .gz from a storage that compresses last
CHUNK = 64 * 1024  # bytes
_HASHED = re.compile(r"\.([0-9a-f]{12})(\.[^.]*)?$")  # Django's HashedFilesMixin.file_hash: 12 digits of the MD5
_FOR_EVER = f"max-age={WhiteNoiseMiddleware.FOREVER}, public, immutable"
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(?:W/)?("[^"]*")')
_REFUSED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*")
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class _Representation:
    """A file, or a compressed variant of it, at the time of the look-up."""

    __slots__ = ("encoding", "path", "size", "headers", "encoded", "not_modified", "version")

    def __init__(self, encoding: str | None, path: str, size: int, headers: dict[str, str]) -> None:
        self.encoding, self.path, self.size, self.headers = encoding, path, size, headers
        self.encoded = ResponseHeaders(headers)._store  # encoding them is half of what a response costs
        self.not_modified = StaticFile.get_not_modified_response(headers)
        self.version: Version | None = None  # whose content was seen to have the hash in its name

    def is_not_modified(self, meta: dict[str, Any]) -> bool:
        """Evaluate If-None-Match, or else If-Modified-Since."""
        if (tags := meta.get("HTTP_IF_NONE_MATCH")) is not None:
            own = self.headers.get("ETag", "")
            return tags == own or tags.strip() in ("*", own) or own.removeprefix("W/") in _TAG.findall(tags)
        if (date := meta.get("HTTP_IF_MODIFIED_SINCE")) is None:
            return False
        since, modified = parsedate(date), parsedate(self.headers.get("Last-Modified"))
        return since is not None and modified is not None and since >= modified

    def range(self, meta: dict[str, Any]) -> tuple[int, int] | None:
        """Return the requested range of bytes, its end excluded; equal for an empty range; None for the whole file."""
        if "HTTP_RANGE" not in meta:
            return None
        asked = _RANGE.fullmatch(meta["HTTP_RANGE"])
        if asked is None or asked[1] == asked[2] == "" or not self._is_same(meta.get("HTTP_IF_RANGE")):
            return None
        if not asked[1]:
            return max(0, self.size - int(asked[2])), self.size
        start, end = int(asked[1]), int(asked[2] or self.size)
        if end < start and asked[2]:
            return None  # no range at all
        return (start, min(end + 1, self.size)) if start < self.size else (self.size, self.size)

    def _is_same(self, condition: str | None) -> bool:
        if condition is None:
            return True
        if condition.endswith('"'):
            return condition == self.headers.get("ETag") and not condition.startswith("W/")
        return parsedate(condition) is not None and parsedate(condition) == parsedate(self.headers.get("Last-Modified"))

    def opened(self, method: str) -> tuple[BinaryIO | None, bool]:
        """Open the file for a GET, and return whether it matches the headers."""
        if method == "HEAD":
            return None, self._is_promised(os.stat(self.path))  # noqa: PTH116
        file = open(self.path, "rb")  # noqa: PTH123, SIM115
        return file, self._is_promised(os.fstat(file.fileno()))

    def _is_promised(self, stat: os.stat_result) -> bool:
        return stat.st_size == self.size and self.version in (None, _version(stat))


class ServedFile(StaticFile):
    """WhiteNoise's file, answered according to RFC 9110.

    `prove`: for a file with a hash in its name, returns the version of a path, packed with an encoding or None, that has the hash
    in its name: None if it has not, False if unknown. `plain`: the Cache-Control of an unproven file.
    """

    alternatives: list[_Representation]

    def __init__(self, path: str, headers: Any, *, prove: Any, plain: str | None, stat_cache: Any) -> None:
        self._prove, self._plain = prove, plain
        super().__init__(path, headers, encodings={"gzip": f"{path}.gz", "br": f"{path}.br"}, stat_cache=stat_cache)

    @staticmethod
    def get_alternatives(base_headers: Any, files: Any) -> list[_Representation]:
        """Return the variants, the smallest first."""
        found = []
        # As WHITENOISE_ADD_HEADERS_FUNCTION may have spelled them.
        names = {name.lower(): name for name in ("Cache-Control", "ETag", "Last-Modified")}
        base = {names.get(name.lower(), name): value for name, value in base_headers.items()}
        for encoding, entry in sorted(files.items(), key=lambda item: item[1].size):
            headers = {**base, "Content-Length": str(entry.size)}
            if encoding:
                headers["Content-Encoding"] = encoding
                if headers.get("ETag", "").endswith('"'):
                    headers["ETag"] = f'{headers["ETag"][:-1]}-{encoding}"'
            found.append(_Representation(encoding, entry.path, entry.size, headers))
        return found

    def chosen(self, accept: str) -> _Representation:
        """Return the variant to serve."""
        accepted, identity = _accepted(accept)
        for variant in self.alternatives:
            if (variant.encoding in accepted if variant.encoding else identity) and (
                variant.version is not None or self._is_good(variant)
            ):
                return variant
        last = next(variant for variant in self.alternatives if variant.encoding is None)
        self._is_good(last)
        return last

    def _is_good(self, variant: _Representation) -> bool:
        """Return whether a variant may be served."""
        if self._prove is None:
            return True
        version = self._prove(variant.path, variant.encoding)
        if version:
            variant.version = version
        return bool(version) or version is False or variant.encoding is None

    def _headers(self, variant: _Representation) -> dict[str, str]:
        """Return the headers of a variant; an unproven variant is cached only for a while."""
        if self._prove is None or variant.version is not None or variant.headers.get("Cache-Control") != _FOR_EVER:
            return variant.headers
        headers = {name: value for name, value in variant.headers.items() if name != "Cache-Control"}
        return headers if self._plain is None else {**headers, "Cache-Control": self._plain}

    def answer(self, method: str, meta: dict[str, Any]) -> tuple[Response, _Representation | None] | None:
        """Return the response, and the variant that it serves; None: the file has changed since the look-up."""
        if method not in ("GET", "HEAD"):
            return NOT_ALLOWED_RESPONSE, None
        variant = self.chosen(meta.get("HTTP_ACCEPT_ENCODING", ""))
        if variant.is_not_modified(meta):
            headers = self._headers(variant)
            return variant.not_modified if headers is variant.headers else self.get_not_modified_response(headers), variant
        file, promised = variant.opened(method)
        if promised:
            return self._response(variant, file, variant.range(meta) if method == "GET" else None), variant
        if file is not None:
            file.close()
        return None

    def _response(self, variant: _Representation, file: BinaryIO | None, part: tuple[int, int] | None) -> Response:
        if part is None:
            return Response(HTTPStatus.OK, self._headers(variant), file)
        start, end = part
        if start >= end:
            return self.get_range_not_satisfiable_response(file, variant.size)
        headers = {name: value for name, value in self._headers(variant).items() if name != "Content-Length"}
        headers |= {"Content-Range": f"bytes {start}-{end - 1}/{variant.size}", "Content-Length": str(end - start)}
        return Response(HTTPStatus.PARTIAL_CONTENT, headers.items(), file and SlicedFile(file, start, end - 1))


@lru_cache(maxsize=512)
def _accepted(header: str) -> tuple[frozenset[str], bool]:
    """Return the encodings that an Accept-Encoding names, and whether it accepts the file unencoded."""
    accepted, identity = set(), True
    for item in header.lower().split(","):
        name, *parameters = item.split(";")
        name = name.strip().removeprefix("x-")
        if not any(map(_REFUSED.fullmatch, parameters)):
            accepted.add(name)
        elif name in ("identity", "*"):
            identity = False
    return frozenset(accepted), identity or "identity" in accepted


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Serve the files below STATIC_ROOT at the time of the request."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any] | None = None, settings: Any = django_settings) -> None:
        self._lock = Lock()
        self._kept: dict[str, None] = {}
        self._verdicts: dict[str, tuple[Version, bool]] = {}
        self._misses: dict[str, float] = {}
        skip = getattr(settings, "WHITENOISE_SKIP_COMPRESS_EXTENSIONS", None)
        self._compressor = Compressor(extensions=skip, quiet=True)
        self._is_async = iscoroutinefunction(get_response)
        super().__init__(get_response, settings)
        if self._is_believed and not self.autorefresh:
            logger.warning(
                "WHITENOISE_IMMUTABLE_FILE_TEST of the settings decides which static files are immutable: their content is not "
                "compared with their names. Without that setting it is."
            )
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
        """Return the answer for a static file, or None."""
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
                response = self._served(url, static_file, request)
            except OSError as error:
                if error.errno not in _GONE:
                    raise
                response = None
            if response is not None:
                return response
            # Pruned or replaced between look-up and opening.
            self._forget(url)
            static_file = self.find_file(url)
        return None

    def _served(self, url: str, static_file: Any, request: HttpRequest) -> Any:
        """Return the response, None if the file has changed; a file with proven content is kept."""
        if not isinstance(static_file, ServedFile):
            return _response(static_file.get_response(request.method, request.META))
        answered = static_file.answer(request.method or "", request.META)
        if answered is None:
            return None
        response, variant = answered
        if variant is not None and url not in self.files and self._lasts(url, static_file, variant):
            self._keep(url, static_file)
        return _response(response, variant.encoded if variant is not None and response.headers is variant.headers else None)

    def _passed_on(self, request: HttpRequest, response: Any) -> Any:
        url = request.path_info
        if response.status_code == 404 and self._is_below(url):
            response.headers["Cache-Control"] = "no-store"
            # Where a view matched, it decides each time.
            if request.resolver_match is None and len(url) <= LONGEST_MISS and not self.autorefresh:
                self._remember_miss(url)
        return response

    # Looking up.

    def find_file(self, url: str) -> Any:
        """Return the current file of this URL path, or None."""
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
        """Return the file of a path."""
        if stat_cache is None and not os.path.exists(path):  # noqa: PTH110
            raise MissingFileError(path)
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        if self.allow_all_origins:
            headers["Access-Control-Allow-Origin"] = "*"
        if self.add_headers_function is not None:
            self.add_headers_function(headers, path, url)
        prove = None
        if not self.autorefresh and not self._is_believed and self.immutable_file_test(path, url):
            name = url[len(self.static_prefix) :]
            prove = lambda place, encoding: self._proven(name, place, encoding)  # noqa: E731
        plain = None if self.max_age is None else f"max-age={self.max_age}, public"
        return ServedFile(path, headers.items(), prove=prove, plain=plain, stat_cache=stat_cache)

    @property
    def _is_believed(self) -> bool:
        """Return whether the site has its own test for immutable files: WhiteNoise then sets it on the instance."""
        return "immutable_file_test" in self.__dict__

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Return whether a name contains a hash; the content has to prove it before it counts."""
        if self.autorefresh:
            return bool(super().immutable_file_test(path, url))
        if not url.startswith(self.static_prefix):
            return False
        return _HASHED.search(url) is not None or bool(super().immutable_file_test(path, url))

    def _lasts(self, url: str, static_file: ServedFile, variant: _Representation) -> bool:
        """Return whether a file may be kept: its content cannot change any more."""
        if self.autorefresh:
            return False
        if variant.version is None and not (self._is_believed and self.immutable_file_test(variant.path, url)):
            return False
        path = variant.path if variant.encoding is None else variant.path[:-3]
        return len(static_file.alternatives) > 1 or not self._compressor.should_compress(path) or _is_settled(path)

    def _proven(self, name: str, path: str, encoding: str | None) -> Version | bool | None:
        """Return the version of a file whose content has the hash in the name; None if it has not, False if unknown."""
        if encoding == "br" and brotli is None:
            return False
        try:
            # An NFS client revalidates at each opening.
            known = self._verdicts.get(path)
            if known is None or known[0] != _version(os.stat(path)):  # noqa: PTH116
                with open(path, "rb") as stream:  # noqa: PTH123
                    version = _version(os.fstat(stream.fileno()))
                    known = (version, self._has_its_hash(name, stream, encoding))
                with self._lock:
                    _trim(self._verdicts, KEPT - 1)
                    self._verdicts[path] = known
        except OSError:
            return None
        return known[0] if known[1] else None

    def _has_its_hash(self, name: str, stream: BinaryIO, encoding: str | None) -> bool:
        try:
            content = _unpacked(stream, encoding)
            match = _HASHED.search(name)
            if match:
                digest = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
                if digest.startswith(match[1]) or digest == getattr(staticfiles_storage, "circular_files", {}).get(name):
                    return True
            if not super().immutable_file_test("", self.static_prefix + name) or not hasattr(staticfiles_storage, "hashed_name"):
                return False
            content.seek(0)
            return bool(staticfiles_storage.hashed_name(self.get_name_without_hash(name), File(content, name)) == name)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return False

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
            self._misses.pop(url, None)  # a dictionary keeps the first position of a key
            _trim(self._misses, MISSES - 1)
            self._misses[url] = time.monotonic() + MISS_SECONDS


def _trim(memory: dict[str, Any], most: int) -> None:
    while len(memory) > most:
        del memory[next(iter(memory))]


def _version(stat: os.stat_result) -> Version:
    return (stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _is_settled(path: str) -> bool:
    return time.time() - Path(path).stat().st_mtime > SETTLED_SECONDS


def _unpacked(stream: BinaryIO, encoding: str | None) -> Any:
    """Return the content of a file or of its compressed variant; a broken file may raise only when it is read."""
    if encoding == "gzip":
        return gzip.GzipFile(fileobj=stream)
    if encoding == "br":
        try:
            return io.BytesIO(brotli.decompress(stream.read()))
        except brotli.error as error:
            raise EOFError(str(error)) from error
    return stream


def _response(response: Response, encoded: dict[str, Any] | None = None) -> Any:
    """Return Django's response, with already encoded headers, if any."""
    kind = HttpResponse if response.file is None else WhiteNoiseFileResponse  # a stream of nothing would make ASGI warn
    # An explicit type saves the creation of the default.
    made = kind(response.file or (), status=int(response.status), content_type="text/plain")
    made.headers._store = dict(encoded) if encoded is not None else ResponseHeaders(dict(response.headers))._store
    return made


def _not_found() -> HttpResponseNotFound:
    headers = {"Cache-Control": "no-store", "Content-Length": "9"}
    return HttpResponseNotFound(b"Not Found", content_type="text/plain; charset=utf-8", headers=headers)


async def _chunks(file: Any) -> AsyncIterator[bytes]:
    read = sync_to_async(file.read, thread_sensitive=False)
    while chunk := await read(CHUNK):
        yield chunk
