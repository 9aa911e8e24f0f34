"""The SSH server of a process host: commands, files and forwarding, as OpenSSH's server gives them to one user.

Not modelled: terminals (a request for one is refused), agent and X11 forwarding, forwarding back to the client. There is no
isolation of users: whoever holds the key gets in under any name and runs as who started the rehearsal.
"""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable
from contextlib import suppress

import asyncssh
from asyncssh.sftp import SFTPServer

from .places import Place

CHUNK = 65536
HERE = ("localhost", "127.0.0.1", "::1")
GRACE = 2.0


def host_key(place: Place) -> str:
    """Make the machine's host key unless it has one; return the public part as one line."""
    if not place.host_key.exists():
        place.host_key.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key("ssh-ed25519", comment=f"root@{place.hostname}")
        key.write_private_key(str(place.host_key))
        place.host_key.chmod(0o600)
    return asyncssh.read_private_key(str(place.host_key)).export_public_key().decode().strip()


class Files(SFTPServer):
    """SFTP with relative paths at home, like a login."""

    def __init__(self, channel: "asyncssh.SSHServerChannel[bytes]", place: Place) -> None:
        super().__init__(channel)
        self._home = place.home

    def map_path(self, path: bytes) -> bytes:
        """Return the path on the real machine."""
        return os.fsencode(self._home / os.fsdecode(path))


class Session(asyncssh.SSHServer):
    """One client's connection: what it may forward, and that it is told of at power off."""

    def __init__(self, place: Place, connections: "set[asyncssh.SSHServerConnection]") -> None:
        self._place = place
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Note the connection."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.discard(self._connection)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        """Connect from the instance's own address, on behalf of the client."""
        return self._forward(self._place.address if dest_host in HERE else dest_host, dest_port)

    async def _forward(self, host: str, port: int) -> "asyncssh.SSHTCPSession[bytes]":
        loop = asyncio.get_running_loop()
        try:
            _, forwarder = await loop.create_connection(Onward, host, port, local_addr=(self._place.address, 0))
        except OSError as error:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, f"{host}:{port}: {error.strerror or error}") from None
        return Inward(forwarder)


class Onward(asyncio.Protocol):
    """The far end of a forwarded connection: bytes go to the channel, at the channel's pace."""

    def __init__(self) -> None:
        self.channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self.transport: asyncio.Transport | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait with reading until the channel is open."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.channel:
            self.channel.write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on, and keep the other half open."""
        self._ended = True
        if self.channel and not self.channel.is_closing():
            self.channel.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the channel."""
        if self.channel:
            self.channel.close()

    def pause_writing(self) -> None:
        """Hold the client back."""
        if self.channel:
            self.channel.pause_reading()

    def resume_writing(self) -> None:
        """Let the client go on."""
        if self.channel:
            self.channel.resume_reading()


class Inward(asyncssh.SSHTCPSession[bytes]):
    """The channel's end of a forwarded connection."""

    def __init__(self, onward: Onward) -> None:
        self._onward = onward
        assert onward.transport
        self._transport = onward.transport

    def connection_made(self, chan: "asyncssh.SSHTCPChannel[bytes]") -> None:
        """Join both ends."""
        self._onward.channel = chan

    def session_started(self) -> None:
        """Let the far end's bytes come."""
        self._transport.resume_reading()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        """Pass on."""
        self._transport.write(data)

    def eof_received(self) -> bool:
        """Pass the half-close on, and keep the other half open."""
        self._transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the far end."""
        self._transport.close()

    def pause_writing(self) -> None:
        """Hold the far end back."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the far end go on."""
        self._transport.resume_reading()


class Sshd:
    """Serve SSH on a machine's address."""

    def __init__(self, place: Place, port: int, authorized_keys: str) -> None:
        self._place = place
        self._port = port
        self._authorized = asyncssh.import_authorized_keys(authorized_keys)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    async def start(self) -> None:
        """Listen; raises OSError."""
        self._acceptor = await asyncssh.listen(
            self._place.address,
            self._port,
            server_factory=lambda: Session(self._place, self._connections),
            server_host_keys=[str(self._place.host_key)],
            authorized_client_keys=self._authorized,
            process_factory=self._process,
            sftp_factory=lambda channel: Files(channel, self._place),
            encoding=None,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            compression_algs=None,
            password_auth=False,
            kbdint_auth=False,
            line_editor=False,
        )

    async def close(self) -> None:
        """Stop listening and cut every connection; again is harmless."""
        if not self._acceptor:
            return
        self._acceptor.close()
        connections = list(self._connections)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
        await self._acceptor.wait_closed()
        self._acceptor = None

    async def _process(self, remote: "asyncssh.SSHServerProcess[bytes]") -> None:
        peer = remote.get_extra_info("peername")
        environment = self._place.environment()
        environment["SSH_CONNECTION"] = f"{peer[0]} {peer[1]} {self._place.address} {self._port}"
        environment.update({k: v for k, v in remote.env.items() if k == "LANG" or k.startswith("LC_")})
        argv = ["/bin/bash", "-c", remote.command] if remote.command is not None else ["/bin/bash", "-l"]
        try:
            child = await asyncio.create_subprocess_exec(
                *argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=self._place.home, env=environment, start_new_session=True
            )
        except OSError as error:
            remote.stderr.write(f"bash: {error}\n".encode())
            remote.exit(255)
            return
        await Command(remote, child).run()


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
