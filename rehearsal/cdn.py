"""The CDN's data plane: a caching proxy before the balancer that keeps 200 and errors alike, as CloudFront does.

Not modelled: ranges (the whole object is sent, as HTTP allows), revalidation, stale answers while the origin is down,
redirects kept in the cache, other methods than GET and HEAD (403).
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import h11

from .cache import Cache, Entry, Key, encoding, header, lifetime, matches
from .http1 import Exchange, Gone, Server
from .loop_thread import LoopThread
from .proxy import NoAnswer, Patience, connect, end_to_end, forwarded, head, onward

# What asks for less than the whole object, and a body, which a GET of ours has not.
OF_THE_VIEWER = {
    b"range",
    b"if-range",
    b"if-none-match",
    b"if-modified-since",
    b"content-length",
    b"transfer-encoding",
    b"expect",
}


@dataclass(frozen=True)
class Fetched:
    """An answer of the origin, and for how many seconds it may be kept."""

    entry: Entry
    keep: float


class Cdn:
    """Serve from the cache on an address, and from the origin what is not there."""

    def __init__(
        self,
        address: str,
        port: int,
        origin: tuple[str, int],
        default_ttl: float,
        error_ttl: float,
        *,
        now: Callable[[], float] = time.monotonic,
        patience: Patience | None = None,
        host: str | None = None,
    ) -> None:
        """Be ready to start.

        `default_ttl` is for a 200 without Cache-Control, `error_ttl` the error caching minimum (10 s at AWS), both in
        seconds. The viewer's Host is passed on, as with CloudFront's AllViewer origin request policy, unless `host` is given,
        which then takes its place.
        """
        self._host = {"host": host} if host else {}
        self._origin = origin
        self._ttls = (default_ttl, error_ttl)
        self._patience = patience or Patience()
        self._server = Server(address, port, self._handle)
        self._cache = Cache(now)
        self._flights: dict[Key, asyncio.Task[Fetched]] = {}
        self._loop: LoopThread | None = None
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, int]] = Counter()

    def start(self) -> None:
        """Listen; raises OSError if the address is taken."""
        self._loop = LoopThread("cdn")
        self._loop.call(self._server.start())

    def close(self) -> None:
        """Stop listening and cut what is open; again is harmless."""
        if self._loop:
            self._loop.call(self._server.close())
            self._loop.close()
            self._loop = None

    @property
    def requests(self) -> dict[tuple[str, int], int]:
        """How many requests were answered, by origin of the answer (`hit`, `miss`) and status."""
        with self._lock:
            return dict(self._counts)

    def invalidate(self, paths: Sequence[str]) -> None:
        """Remove the answers to these paths (with `*` at the end as a wildcard); responses in flight are not cached."""
        if self._loop:
            self._loop.call(self._invalidate(paths))

    async def _invalidate(self, paths: Sequence[str]) -> None:
        self._cache.invalidate(paths)
        for key in [key for key in self._flights if any(matches(path, key[0]) for path in paths)]:
            del self._flights[key]

    async def _handle(self, exchange: Exchange) -> None:
        if exchange.method not in ("GET", "HEAD"):
            await exchange.plain(403, "this distribution is not configured to allow this method")
            return
        key = (exchange.target, encoding(exchange.header("accept-encoding")))
        entry, source = self._cache.get(key), "hit"
        if not entry:
            entry, source = await self._fetch(key, exchange), "miss"
        with self._lock:
            self._counts[source, entry.status] += 1
        await self._answer(exchange, entry, source)

    async def _answer(self, exchange: Exchange, entry: Entry, source: str) -> None:
        said = "Error" if entry.status >= 400 else source.capitalize()
        headers = [*entry.headers, (b"X-Cache", f"{said} from cloudfront".encode())]
        if source == "hit":
            headers.append((b"Age", str(int(self._cache.now() - entry.stored)).encode()))
        etag = header(entry.headers, b"etag")
        if entry.status == 200 and etag and etag in exchange.header("if-none-match"):
            await exchange.answer(304, b"", headers)
        else:
            await exchange.answer(entry.status, entry.body, headers)

    async def _fetch(self, key: Key, exchange: Exchange) -> Entry:
        """Fetch once from the origin for all simultaneous requests for the same object."""
        flight = self._flights.get(key)
        if not flight:
            flight = self._flights[key] = asyncio.create_task(self._ask(key, exchange))
            flight.add_done_callback(lambda task: self._landed(key, task))
        return (await asyncio.shield(flight)).entry

    def _landed(self, key: Key, flight: "asyncio.Task[Fetched]") -> None:
        if self._flights.get(key) is not flight:
            return  # invalidated meanwhile: the answer may be from before
        del self._flights[key]
        if not flight.cancelled() and not flight.exception():
            got = flight.result()
            if got.keep > 0:
                self._cache.put(key, got.entry.status, got.entry.headers, got.entry.body, got.keep)

    async def _ask(self, key: Key, exchange: Exchange) -> Fetched:
        try:
            status, headers, body = await self._from_origin(key, exchange)
        except NoAnswer as failure:
            status, headers = failure.status, ((b"Content-Type", b"text/plain"),)
            body = f"{status} the origin gave no answer: {failure}\n".encode()
        now = self._cache.now()
        return Fetched(Entry(status, headers, body, now, now), lifetime(status, headers, *self._ttls))

    async def _from_origin(self, key: Key, exchange: Exchange) -> tuple[int, tuple[tuple[bytes, bytes], ...], bytes]:
        wanted = {
            **forwarded(exchange, "https"),
            "accept-encoding": key[1] or "identity",
            "via": "1.1 rehearsal (CloudFront)",
            **self._host,
        }
        whole = onward(exchange, wanted)
        headers = [pair for pair in whole.headers if pair[0] not in OF_THE_VIEWER]
        request = h11.Request(method="GET", target=whole.target, headers=headers)
        upstream = await connect(lambda: asyncio.open_connection(*self._origin), self._patience)
        try:
            await upstream.send(request)
            await upstream.send(h11.EndOfMessage())
            response = await head(upstream)
            body = b"".join([data async for data in upstream.body()])
        except (Gone, ConnectionError, TimeoutError) as error:
            raise NoAnswer(502, f"the origin's answer was cut short: {error}") from None
        finally:
            upstream.abort()
        kept = tuple(pair for pair in end_to_end(response.headers) if pair[0].lower() != b"content-length")
        return response.status_code, kept, body
