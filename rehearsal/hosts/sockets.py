"""A listening socket that the init owns: it outlives the service that answers on it, so connections wait and are not refused."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from .paths import Place
from .units import SocketUnit


class ListeningSocket:
    """Listen for a service, hand it the socket, and start it at the first connection."""

    def __init__(self, place: Place, unit: SocketUnit, activate: Callable[[str], None]) -> None:
        self.unit = unit
        self.failed = False
        self.handle: socket.socket | None = None
        self._place = place
        self._activate = activate
        self._watching = False

    @property
    def active(self) -> str:
        """Say the state in systemd's words."""
        return "active" if self.handle else "failed" if self.failed else "inactive"

    @property
    def sub(self) -> str:
        """Say the finer state."""
        if not self.handle:
            return "failed" if self.failed else "dead"
        return "listening" if self._watching else "running"

    def listen(self) -> None:
        """Bind and listen, unless it does already; raises OSError."""
        self.failed = False
        if self.handle:
            return
        where = self.unit.listen
        if where.startswith("/"):
            Path(where).parent.mkdir(parents=True, exist_ok=True)
            Path(where).unlink(missing_ok=True)
            self.handle = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.handle.bind(where)
            Path(where).chmod(self.unit.mode)
        else:
            port = int(where.rpartition(":")[2])
            self.handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.handle.bind((self._place.address, port))  # "all addresses" of a machine is its one address here
        self.handle.listen(self.unit.backlog)
        self._place.note(self.unit.name, f"Listening on {self.unit.description}.")

    def watch(self) -> None:
        """Start the service at the next connection: it is not there to accept by itself."""
        if self.handle and not self._watching:
            asyncio.get_running_loop().add_reader(self.handle, self._knocked)
            self._watching = True

    def unwatch(self) -> None:
        """Leave the connections to the service."""
        if self.handle and self._watching:
            asyncio.get_running_loop().remove_reader(self.handle)
        self._watching = False

    def _knocked(self) -> None:
        self.unwatch()
        self._activate(self.unit.service)

    def close(self, failed: bool = False) -> None:
        """Stop listening."""
        self.unwatch()
        if self.handle:
            self.handle.close()
            self._place.note(self.unit.name, f"Closed {self.unit.description}.")
            if self.unit.remove:
                Path(self.unit.listen).unlink(missing_ok=True)
        self.handle = None
        self.failed = failed
