"""A command that an SSH client runs on a process host."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress

import asyncssh

CHUNK = 65536
GRACE = 2.0


class Command:
    """A remote command: its three pipes pumped to their ends, its end reported, itself ended if the client goes away."""

    def __init__(self, remote: "asyncssh.SSHServerProcess[bytes]", child: Process) -> None:
        self._remote = remote
        self._child = child

    async def run(self) -> None:
        """Pump until the command and its output have ended."""
        remote, child = self._remote, self._child
        assert child.stdout and child.stderr
        feeding = asyncio.create_task(self._feed())
        gone = asyncio.create_task(remote.channel.wait_closed())
        work = asyncio.create_task(self._drain(child.stdout, child.stderr))
        try:
            await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self._hang_up()
        finally:
            for task in (feeding, gone, work):
                task.cancel()
            await asyncio.gather(feeding, gone, work, return_exceptions=True)
            self._close_input()
        code = child.returncode
        if code is not None and code < 0:
            remote.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            remote.exit(code or 0)

    async def _drain(self, out: asyncio.StreamReader, err: asyncio.StreamReader) -> None:
        await asyncio.gather(_pump(out, self._remote.stdout), _pump(err, self._remote.stderr))
        await self._child.wait()

    async def _feed(self) -> None:
        """Pump the client's bytes to the command until its end of file; deliver signals."""
        assert self._child.stdin
        while True:
            try:
                data = await self._remote.stdin.read(CHUNK)
            except asyncssh.SignalReceived as received:
                self._kill(signal.Signals[f"SIG{received.signal}"])
                continue
            if not data:
                break
            try:
                self._child.stdin.write(data)
                await self._child.stdin.drain()
            except ConnectionError:
                continue  # the command reads no more; the client's bytes must still be taken off the channel
        self._close_input()

    def _close_input(self) -> None:
        if self._child.stdin:
            self._child.stdin.close()

    async def _hang_up(self) -> None:
        """End the command's process group: politely, then for certain."""
        self._kill(signal.SIGHUP)
        try:
            async with asyncio.timeout(GRACE):
                await self._child.wait()
        except TimeoutError:
            self._kill(signal.SIGKILL)
            await self._child.wait()

    def _kill(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)


async def _pump(source: asyncio.StreamReader, target: "asyncssh.SSHWriter[bytes]") -> None:
    while data := await source.read(CHUNK):
        with suppress(ConnectionError, asyncssh.Error):
            target.write(data)
            await target.drain()
