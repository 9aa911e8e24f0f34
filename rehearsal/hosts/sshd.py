"""The SSH server of a process host: commands, files and forwarding, as OpenSSH's server provides them to one user.

Not modelled: terminals (requests are refused), agent and X11 forwarding, forwarding back to the client. There is no
isolation of users: the key is accepted for any user name, and everything runs as the user of the rehearsal.
"""

import asyncio
import os
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable

import asyncssh
from asyncssh.sftp import SFTPServer

from .forwarding import Inward, Onward
from .paths import Place
from .remote_commands import Command
from .unreachable import Unreachable, within

HERE = ("localhost", "127.0.0.1", "::1")


def host_key(place: Place, algorithm: str) -> str:
    """Create the machine's host key if missing; return the public part as a line."""
    if not place.host_key.exists():
        place.host_key.parent.mkdir(parents=True, exist_ok=True)
        key = asyncssh.generate_private_key(algorithm, comment=f"root@{place.hostname}")
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


class Guests:
    """Public keys that are accepted for a while."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def admit(self, public_key: str, seconds: float) -> None:
        """Accept a key for `seconds`."""
        self._until[asyncssh.import_public_key(public_key).public_data] = time.monotonic() + seconds

    def accepts(self, key: asyncssh.SSHKey) -> bool:
        """Return whether a key is accepted now."""
        return self._until.get(key.public_data, 0.0) > time.monotonic()


class Session(asyncssh.SSHServer):
    """One client's connection: what it may forward, and the power-off that closes it."""

    def __init__(
        self, place: Place, connections: "set[asyncssh.SSHServerConnection]", guests: Guests, port: int, *, closed: bool
    ) -> None:
        self._port = port
        self._closed = closed
        self._guests = guests
        self._place = place
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Note the connection."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.discard(self._connection)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Accept what EC2 Instance Connect has pushed; the machine's own authorized keys were looked at already."""
        return self._guests.accepts(key)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        """Connect from the instance's own address, on behalf of the client."""
        return self._forward(self._place.address if dest_host in HERE else dest_host, dest_port)

    async def _forward(self, host: str, port: int) -> "asyncssh.SSHTCPSession[bytes]":
        if self._closed and port == self._port:
            host = within(host)  # machines reach each other
        loop = asyncio.get_running_loop()
        try:
            _, forwarder = await loop.create_connection(Onward, host, port, local_addr=(self._place.address, 0))
        except OSError as error:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, f"{host}:{port}: {error.strerror or error}") from None
        return Inward(forwarder)


class Sshd:
    """Serve SSH on a machine's address."""

    def __init__(self, place: Place, port: int, authorized_keys: str, *, closed: bool = False) -> None:
        self._closed = closed
        self._outside: Unreachable | None = None
        self.guests = Guests()
        self._place = place
        self._port = port
        self._authorized = asyncssh.import_authorized_keys(authorized_keys)
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    async def start(self) -> None:
        """Listen; raises OSError."""
        if self._closed:
            self._outside = Unreachable(self._place.address, self._port)
        self._acceptor = await asyncssh.listen(
            within(self._place.address) if self._closed else self._place.address,
            self._port,
            server_factory=lambda: Session(self._place, self._connections, self.guests, self._port, closed=self._closed),
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
        if self._outside:
            self._outside.close()
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
