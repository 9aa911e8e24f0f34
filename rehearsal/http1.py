"""HTTP/1.1 connections and a server of requests, for the front, the balancer and the CDN.

h11 decides what the bytes mean (framing, keep-alive, HEAD, 100-continue: the places where hand-written proxies go wrong);
asyncio moves them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import h11

CHUNK = 65536
HEAD_LIMIT = 65536
IDLE = 75.0
LINGER = 5.0


class Gone(Exception):
    """The other side closed before it had said everything."""


class Wire:
    """One HTTP/1.1 connection, as client or as server; `silence` is how long the other side may say nothing, in seconds."""

    def __init__(
        self,
        role: type[h11.CLIENT] | type[h11.SERVER],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        silence: float,
    ) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=HEAD_LIMIT)
        self._reader = reader
        self._writer = writer
        self._silence = silence
        peer = writer.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""

    async def next(self) -> object:
        """Return the next event, h11.ConnectionClosed when the other side has ended; raises TimeoutError after silence."""
        while True:
            event = self.http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            try:
                async with asyncio.timeout(self._silence):
                    data = await self._reader.read(CHUNK)
            except ConnectionError:
                data = b""
            self.http.receive_data(data)

    async def send(self, event: h11.Event) -> None:
        """Send an event; raises ConnectionError if the other side has gone, TimeoutError if it does not read."""
        data = self.http.send(event)
        if data:
            self._writer.write(data)
            async with asyncio.timeout(self._silence):
                await self._writer.drain()

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body of the message under way; raises Gone if it is cut short."""
        while True:
            try:
                event = await self.next()
            except (h11.RemoteProtocolError, TimeoutError) as error:
                raise Gone(str(error)) from None
            if isinstance(event, h11.EndOfMessage):
                return
            if not isinstance(event, h11.Data):
                raise Gone(type(event).__name__)
            yield bytes(event.data)

    async def close(self) -> None:
        """Close the connection when the other side has taken what was sent, or after a while."""
        try:
            self._writer.close()
            async with asyncio.timeout(LINGER):
                await self._writer.wait_closed()
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()


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

    def __init__(self, address: str, port: int, handle: Callable[[Exchange], Awaitable[None]], idle: float = IDLE) -> None:
        self.address = address
        self.port = port
        self._handle = handle
        self._idle = idle
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; raises OSError."""
        self._server = await asyncio.start_server(self._accept, self.address, self.port, backlog=1024)

    async def close(self) -> None:
        """Stop listening and cut the open connections; again is harmless."""
        if not self._server:
            return
        server, self._server = self._server, None
        server.close()
        await asyncio.sleep(0.01)  # what is being accepted at this moment still arrives
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(h11.SERVER, reader, writer, self._idle)
        if not self._server:
            wire.abort()
            return
        task = asyncio.get_running_loop().create_task(self._client(wire))
        self._clients.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            self._clients.discard(task)
            wire.abort()  # also of one that was cancelled before it began

        task.add_done_callback(ended)

    async def _client(self, wire: Wire) -> None:
        with suppress(ConnectionError, TimeoutError, Gone, h11.LocalProtocolError):
            while await self._one(wire):
                pass
        await wire.close()

    async def _one(self, wire: Wire) -> bool:
        """Serve one request; return whether another may follow on this connection."""
        try:
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
