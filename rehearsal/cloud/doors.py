"""Working public addresses: connections to them are forwarded to the instance's private address."""

import asyncio
import contextlib
from collections.abc import Mapping

from ..hosts.base import Door
from ..loop_thread import LoopThread

CHUNK = 64 * 1024


class Doors:
    """Relay TCP from public addresses, as long as they belong to a running instance."""

    def __init__(self) -> None:
        self._loop = LoopThread("public-addresses")
        self._open: dict[str, tuple[tuple[Door, ...], list[asyncio.Server]]] = {}

    def keep(self, wanted: Mapping[str, tuple[Door, ...]]) -> None:
        """Open and close until exactly these addresses lead where they should."""
        for address in [public for public, (doors, _) in self._open.items() if wanted.get(public) != doors]:
            _, servers = self._open.pop(address)
            self._loop.call(_close(servers))
        for address, doors in wanted.items():
            if address not in self._open:
                self._open[address] = (doors, self._loop.call(_listen(address, doors)))

    def close(self) -> None:
        """Close all; again is harmless."""
        if self._open:
            self.keep({})
        self._loop.close()


async def _listen(address: str, doors: tuple[Door, ...]) -> list[asyncio.Server]:
    return [await _door(address, door) for door in doors]


async def _door(address: str, door: Door) -> asyncio.Server:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # what stands for another network is entered from the public address, not from the operator's
        source = (address, 0) if door.address.startswith("127.") else None
        try:
            inner_reader, inner_writer = await asyncio.open_connection(door.address, door.to_port, local_addr=source)
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
        finally:
            await _hang_up(inner_writer)
            await _hang_up(writer)

    return await asyncio.start_server(answer, address, door.port)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _close(servers: list[asyncio.Server]) -> None:
    for server in servers:
        server.close()
