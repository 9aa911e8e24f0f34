"""Relaying a request to one upstream: what the front, the balancer and the CDN share beyond their server.

An upstream connection carries one request, so a target that restarts cannot break a connection that lay idle, and nothing
needs to be sent twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import h11

from .http1 import Exchange, Gone, Wire

Headers = list[tuple[bytes, bytes]]
HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}


class NoAnswer(Exception):
    """An upstream gave no answer: `status` is what a proxy says of it, 502 or 504."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


Opening = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@dataclass(frozen=True)
class Patience:
    """How long a proxy waits for a connection to its upstream, and in the silence on one, in seconds."""

    connect: float = 10
    answer: float = 60


async def connect(opening: Opening, patience: Patience) -> Wire:
    """Open a connection to an upstream; raises NoAnswer."""
    try:
        async with asyncio.timeout(patience.connect):
            return Wire(h11.CLIENT, *await opening(), patience.answer)
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
        response = await head(upstream)
        await exchange.begin(response.status_code, end_to_end(response.headers))
        async for data in upstream.body():
            await exchange.wire.send(h11.Data(data=data))
        await exchange.wire.send(h11.EndOfMessage())
    finally:
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        upstream.abort()


async def _upload(exchange: Exchange, upstream: Wire, request: h11.Request) -> None:
    """Send the request and its body; an upstream that stops reading may still answer, so the answer decides."""
    with suppress(ConnectionError, TimeoutError):
        await upstream.send(request)
        try:
            async for data in exchange.wire.body():
                await upstream.send(h11.Data(data=data))
        except Gone:
            upstream.abort()  # half a request gets no answer
            return
        await upstream.send(h11.EndOfMessage())


async def head(upstream: Wire) -> h11.Response:
    """Wait for the head of an upstream's answer; raises NoAnswer."""
    try:
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
    """Return the request for the upstream: some headers set, the framing of its body kept, the connection for it alone.

    `changed`: headers, names in lower case; with "" none of that name is sent.
    """
    headers = [(key, value) for key, value in end_to_end(exchange.request.headers) if key.decode() not in changed]
    headers += [(key.encode(), value.encode("latin-1")) for key, value in changed.items() if value]
    if "chunked" in exchange.header("transfer-encoding"):
        headers.append((b"transfer-encoding", b"chunked"))
    headers.append((b"connection", b"close"))
    return h11.Request(method=exchange.request.method, target=target or exchange.target, headers=headers)


def forwarded(exchange: Exchange, scheme: str) -> dict[str, str]:
    """Return the X-Forwarded headers that a proxy adds, names in lower case."""
    before = exchange.header("x-forwarded-for")
    peer = exchange.wire.peer
    return {"x-forwarded-for": f"{before}, {peer}" if before else peer, "x-forwarded-proto": scheme}
