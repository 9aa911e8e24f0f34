"""A private address seen from outside of its network: connections to it are never answered.

On loopback everything reaches everything, so a machine that is closed listens elsewhere, and its own address swallows what comes.
"""

import ipaddress
import socket

AWAY = 100 << 8  # the third part of an address is moved by so much


def within(private: str) -> str:
    """Return where the machine of a private address really listens."""
    return str(ipaddress.ip_address(private) + AWAY)


class Unreachable:
    """Swallow connections to one port: its queue is full, so the kernel drops what knocks."""

    def __init__(self, address: str, port: int) -> None:
        self._sockets = [socket.socket()]
        self._sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets[0].bind((address, port))
        self._sockets[0].listen(0)
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((address, port))
        self._sockets.append(filler)

    def close(self) -> None:
        """Free the port."""
        for filler in self._sockets:
            filler.close()
