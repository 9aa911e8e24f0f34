"""What the front, the balancer and the CDN share: HTTP/1.1 connections, a server of requests, and relaying one upstream.

h11 decides what the bytes mean (framing, keep-alive, HEAD, 100-continue: the places where hand-written proxies go wrong);
asyncio moves them. An upstream connection carries one request, so a target that restarts cannot break a connection
that lay idle, and nothing needs to be sent twice.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import h11

Headers = list[tuple[bytes, bytes]]
E = TypeVar("E")

CHUNK = 65536
HEAD_LIMIT = 65536
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}


class Gone(Exception):
    """The other side closed before it had said everything."""


class Wire:
    """One HTTP/1.1 connection, as client or as server."""

    def __init__(
        self, role: type[h11.CLIENT] | type[h11.SERVER], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=HEAD_LIMIT)
        self._reader = reader
        self._writer = writer
        peer = writer.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""

    async def receive(self, kind: type[E]) -> E:
        """Return the next event; raises Gone if it is not of that kind, h11.RemoteProtocolError for what is not HTTP."""
        event = await self.next()
        if not isinstance(event, kind):
            raise Gone(type(event).__name__)
        return event

    async def next(self) -> object:
        """Return the next event; h11.ConnectionClosed when the other side has ended."""
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                self.http.receive_data(await self._reader.read(CHUNK))
            except ConnectionError:
                self.http.receive_data(b"")

    async def send(self, event: h11.Event) -> None:
        """Send an event; raises ConnectionError if the other side has gone."""
        data = self.http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body of the message under way; raises Gone if it is cut short."""
        while True:
            try:
                event = await self.next()
            except h11.RemoteProtocolError as error:
                raise Gone(str(error)) from None
            if isinstance(event, h11.EndOfMessage):
                return
            if not isinstance(event, h11.Data):
                raise Gone(type(event).__name__)
            yield bytes(event.data)

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


@dataclass
class Exchange:
    """One request of a client, and the way back to it."""

    wire: Wire
    request: h11.Request
    status: int = 0

    @property
    def method(self) -> str:
        """The method."""
        return self.request.method.decode("ascii")

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        return self.request.target.decode("ascii")

    def header(self, name: str) -> str:
        """Return a header's value, or an empty text."""
        wanted = name.lower().encode()
        return b", ".join(value for key, value in self.request.headers if key == wanted).decode("latin-1")

    async def begin(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Send the head of the answer."""
        self.status = status
        await self.wire.send(h11.Response(status_code=status, headers=list(headers)))

    async def answer(self, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Send a whole answer; for HEAD its head only."""
        length = () if status == 304 else ((b"Content-Length", str(len(body)).encode()),)
        await self.begin(status, [*headers, *length])
        if self.method != "HEAD" and status != 304:
            await self.wire.send(h11.Data(data=body))
        await self.wire.send(h11.EndOfMessage())

    async def plain(self, status: int, text: str) -> None:
        """Send a short answer of our own, as text."""
        await self.answer(status, f"{status} {text}\n".encode(), [(b"Content-Type", b"text/plain; charset=utf-8")])


class Server:
    """Accept connections on an address and hand each request to a handler, one after the other on a connection."""

    def __init__(self, address: str, port: int, handle: Callable[[Exchange], Awaitable[None]], idle: float = 75) -> None:
        self.address = address
        self.port = port
        self._handle = handle
        self._idle = idle
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; raises OSError."""
        self._server = await asyncio.start_server(self._client, self.address, self.port, backlog=1024)

    async def close(self) -> None:
        """Stop listening and cut the open connections; again is harmless."""
        if self._server:
            self._server.close()
            for task in self._clients:
                task.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        wire = Wire(h11.SERVER, reader, writer)
        try:
            with suppress(ConnectionError, TimeoutError, Gone, h11.LocalProtocolError):
                while await self._one(wire):
                    pass
        except asyncio.CancelledError:
            pass  # the server is closing; the stream protocol would log a cancelled handler as an error
        finally:
            self._clients.discard(task)
            with suppress(asyncio.CancelledError):
                await wire.close()

    async def _one(self, wire: Wire) -> bool:
        """Serve one request; return whether another may follow on this connection."""
        try:
            async with asyncio.timeout(self._idle):
                event = await wire.next()
        except h11.RemoteProtocolError as error:
            if wire.http.our_state is h11.IDLE:
                bad = Exchange(wire, h11.Request(method="GET", target="/", headers=[("Host", "")]))
                await bad.answer(error.error_status_hint, b"", [(b"Connection", b"close")])
            return False
        if not isinstance(event, h11.Request):
            return False
        await self._handle(Exchange(wire, event))
        if wire.http.our_state is not h11.DONE or wire.http.their_state is not h11.DONE:
            return False
        wire.http.start_next_cycle()
        return True


class NoAnswer(Exception):
    """An upstream gave no answer: `status` is what a proxy says of it, 502 or 504."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


Opening = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(frozen=True)
class Patience:
    """How long a proxy waits for its upstream, in seconds."""

    connect: float = 10
    answer: float = 60


async def connect(opening: Opening, patience: Patience) -> Wire:
    """Open a connection to an upstream; raises NoAnswer."""
    try:
        async with asyncio.timeout(patience.connect):
            return Wire(h11.CLIENT, *await opening())
    except TimeoutError:
        raise NoAnswer(504, "the connection timed out") from None
    except OSError as error:
        raise NoAnswer(502, f"no connection: {error.strerror}") from None


async def relay(exchange: Exchange, opening: Opening, request: h11.Request, patience: Patience) -> None:
    """Send a request with the client's body upstream, once, and stream the answer back.

    Raises NoAnswer while nothing of an answer has reached the client; later failures cut the client's connection (Gone).
    """
    upstream = await connect(opening, patience)
    upload = asyncio.create_task(_upload(exchange, upstream, request))
    try:
        response = await head(upstream, patience)
        await exchange.begin(response.status_code, end_to_end(response.headers))
        async for data in upstream.body():
            await exchange.wire.send(h11.Data(data=data))
        await exchange.wire.send(h11.EndOfMessage())
    finally:
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        await upstream.close()


async def _upload(exchange: Exchange, upstream: Wire, request: h11.Request) -> None:
    """Send the request and its body; an upstream that stops reading may still answer, so the answer decides."""
    with suppress(ConnectionError):
        await upstream.send(request)
        try:
            async for data in exchange.wire.body():
                await upstream.send(h11.Data(data=data))
        except Gone:
            await upstream.close()  # nobody waits for the answer to half a request
            return
        await upstream.send(h11.EndOfMessage())


async def head(upstream: Wire, patience: Patience) -> h11.Response:
    """Wait for the head of an upstream's answer; raises NoAnswer."""
    try:
        async with asyncio.timeout(patience.answer):
            while True:
                event = await upstream.next()
                if isinstance(event, h11.Response):
                    return event
                if not isinstance(event, h11.InformationalResponse):
                    raise NoAnswer(502, "it closed the connection without an answer")
    except TimeoutError:
        raise NoAnswer(504, "it did not answer in time") from None
    except (h11.RemoteProtocolError, ConnectionError) as error:
        raise NoAnswer(502, f"its answer is broken: {error}") from None


def end_to_end(headers: Sequence[tuple[bytes, bytes]]) -> Headers:
    """Return the headers without those that belong to one connection."""
    return [(key, value) for key, value in headers if key.lower() not in HOP_BY_HOP]


def onward(exchange: Exchange, changed: dict[str, str], target: str | None = None) -> h11.Request:
    """Return the request for the upstream: some headers set, the framing of its body kept, the connection for it alone."""
    headers = [(key, value) for key, value in end_to_end(exchange.request.headers) if key.decode() not in changed]
    headers += [(key.encode(), value.encode("latin-1")) for key, value in changed.items()]
    if "chunked" in exchange.header("transfer-encoding"):
        headers.append((b"transfer-encoding", b"chunked"))
    headers.append((b"connection", b"close"))
    return h11.Request(method=exchange.request.method, target=target or exchange.target, headers=headers)


def forwarded(exchange: Exchange, scheme: str) -> dict[str, str]:
    """Return the X-Forwarded headers that a proxy adds, names in lower case."""
    before = exchange.header("x-forwarded-for")
    peer = exchange.wire.peer
    return {"x-forwarded-for": f"{before}, {peer}" if before else peer, "x-forwarded-proto": scheme}
