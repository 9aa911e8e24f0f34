"""The stand-in for nginx on a process host: the port of the instance in front of gunicorn's socket."""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ..http1 import Exchange, Server
from ..proxy import NoAnswer, Patience, forwarded, onward, relay

CHECK = re.compile(r"/health_check/([A-Za-z0-9.-]+?)/?")
HTTPS: Mapping[str, str] = MappingProxyType({"X-Forwarded-Proto": "https"})
_TRIES = 4  # the server lines of settings_snippets/nginx/site-asgi.conf
_IDEMPOTENT = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}
DEEP = re.compile(r"/health_check/([A-Za-z0-9.-]+)/deep")  # of the health middleware


class Front:
    """Pass requests to gunicorn, and the load balancer's health check to the site's own view under its own name.

    A check of `/health_check/<domain>` becomes `health_path` with Host: <domain>, and with /deep the middleware's deep path;
    everything is said to have come by https, so that Django neither rejects nor redirects it: in the headers `secure`, of which
    one with "" is not sent. `fault` returns the fault in force, if any. `again`: a request that may be repeated is where the
    connection was closed without an answer, as by settings_snippets/nginx/site-asgi.conf.
    """

    def __init__(
        self,
        address: str,
        port: int,
        upstream: Path,
        health_path: str,
        fault: Callable[[], str],
        patience: Patience | None = None,
        again: bool = False,
        secure: Mapping[str, str] = HTTPS,
    ) -> None:
        self._server = Server(address, port, self._handle)
        self._upstream = str(upstream)
        self._health_path = health_path
        self._fault = fault
        self._patience = patience or Patience()
        self._again = again
        self._secure = {name.lower(): value for name, value in secure.items()}

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        await self._server.close()

    async def _handle(self, exchange: Exchange) -> None:
        fault = self._fault()
        if fault == "silent":
            await asyncio.Event().wait()
        if fault == "error":
            await exchange.plain(500, "Internal Server Error (a fault of this image)")
            return
        changed, target = forwarded(exchange, "https") | self._secure, None
        check, deep = CHECK.fullmatch(exchange.target), DEEP.fullmatch(exchange.target)
        if found := check or deep:
            # the load balancer's own request, or the operator's: there is no visitor to forward
            changed, target = {**self._secure, "host": found[1]}, self._health_path if check else "/health/deep/"
        request = onward(exchange, changed, target)
        for number in range(1, _TRIES + 1):
            try:
                await relay(exchange, self._open, request, self._patience)
                return
            except NoAnswer as failure:
                if failure.status != 502 or number == _TRIES or not self._may_repeat(exchange):
                    await exchange.plain(failure.status, "Bad Gateway" if failure.status == 502 else "Gateway Time-out")
                    return

    def _may_repeat(self, exchange: Exchange) -> bool:
        # A body is not kept: site-asgi.conf passes it on without a buffer.
        bodiless = not exchange.header("transfer-encoding") and exchange.header("content-length") in ("", "0")
        return self._again and bodiless and exchange.method in _IDEMPOTENT

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._upstream)
