"""The load balancer's data plane: real requests to the targets that the target group's state allows, as an ALB sends them.

A request is sent to one target, once. Errors of our own are those of the ALB guide, "HTTP error codes": 502 when the target
refuses, resets or garbles, 503 without registered targets, 504 when it does not answer in time, 460 (in the counters)
when the client went away. Not modelled: stickiness, weights, zones, reused connections to targets, HTTP/2.
"""

import asyncio
import threading
from collections import Counter
from typing import Protocol

from .cloud.rules import Asked, Fixed
from .http1 import Exchange, Server
from .loop_thread import LoopThread
from .proxy import NoAnswer, Patience, forwarded, onward, relay

REASONS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


class Routes(Protocol):
    """Where requests go now."""

    def routable(self) -> list[tuple[str, int]]:
        """Return address and port of the targets for new requests: the healthy, or all if none is (fail open)."""


class Rules(Protocol):
    """Routes that know a listener's rules too (optional)."""

    def fixed(self, asked: Asked) -> Fixed | None:
        """Return the answer to a request that goes to no target."""


class Balancer:
    """Forward requests round robin on an address; the targets are looked up at each request."""

    def __init__(self, address: str, port: int, routes: Routes, patience: Patience | None = None, scheme: str = "http") -> None:
        """Be ready to start.

        `patience` are the connection and idle timeouts (10 s and 60 s), `scheme` is what X-Forwarded-Proto says:
        `https` where this stands for a listener with a certificate.
        """
        self._scheme = scheme
        self._routes = routes
        self._rules: Rules | None = routes if hasattr(routes, "fixed") else None  # type: ignore[assignment]
        self._patience = patience or Patience()
        self._server = Server(address, port, self._handle)
        self._loop: LoopThread | None = None
        self._turn = 0
        self._lock = threading.Lock()
        self._statuses: Counter[int] = Counter()
        self._targets: Counter[tuple[str, int]] = Counter()

    def start(self) -> None:
        """Listen; raises OSError if the address is taken."""
        self._loop = LoopThread("balancer")
        self._loop.call(self._server.start())

    def close(self) -> None:
        """Stop listening and cut what is open; again is harmless."""
        if self._loop:
            self._loop.call(self._server.close())
            self._loop.close()
            self._loop = None

    @property
    def requests(self) -> dict[int, int]:
        """How many requests were answered, by status; 460 means that the client left first."""
        with self._lock:
            return dict(self._statuses)

    @property
    def by_target(self) -> dict[tuple[str, int], int]:
        """How many requests were sent to each target."""
        with self._lock:
            return dict(self._targets)

    async def _handle(self, exchange: Exchange) -> None:
        status = 460
        try:
            status = await self._forward(exchange)
        finally:
            with self._lock:
                self._statuses[status] += 1

    async def _forward(self, exchange: Exchange) -> int:
        answer = self._rules.fixed(asked(exchange)) if self._rules else None
        if answer:
            kind = [(b"Server", b"awselb/2.0"), (b"Content-Type", answer.content_type.encode())]
            await exchange.answer(answer.status, answer.body, kind)
            return answer.status
        targets = self._routes.routable()
        if not targets:
            return await self._fail(exchange, 503)
        target = targets[self._turn % len(targets)]
        self._turn += 1
        with self._lock:
            self._targets[target] += 1
        request = onward(exchange, {**forwarded(exchange, self._scheme), "x-forwarded-port": str(self._server.port)})
        try:
            await relay(exchange, lambda: asyncio.open_connection(*target), request, self._patience)
        except NoAnswer as failure:
            return await self._fail(exchange, failure.status)
        return exchange.status

    async def _fail(self, exchange: Exchange, status: int) -> int:
        await exchange.plain(status, REASONS[status])
        return status


def asked(exchange: Exchange) -> Asked:
    """Return what a listener's rules look at."""
    return Asked(exchange.target, exchange.wire.peer, exchange.header)
