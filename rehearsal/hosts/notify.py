"""The socket on which a service says that it is ready: the receiving end of sd_notify(3)."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path


class NotifySocket:
    """Receive the notifications of one start of a service; close it when that process has ended."""

    def __init__(self, path: Path, on_status: Callable[[str], None]) -> None:
        self.path = path
        self.ready = asyncio.Event()
        self._on_status = on_status
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._receive)

    def _receive(self) -> None:
        for line in self._socket.recv(65536).decode(errors="replace").splitlines():
            name, _, value = line.partition("=")
            if name == "STATUS":
                self._on_status(value)
            elif line == "READY=1":
                self.ready.set()

    def close(self) -> None:
        """Stop listening; again is harmless."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self.path.unlink(missing_ok=True)
