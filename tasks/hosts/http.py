"""HTTP to an instance's own address, through the SSH connection to it or to a host near it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paramiko import Channel

from ..errors import HostUnreachable

Dial = Callable[[str, int, float], "Channel"]


@dataclass(frozen=True)
class HttpAnswer:
    """What a web server answered; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Mapping[str, Any]:
        """Return the body as a JSON object, or nothing when it is none."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def __str__(self) -> str:
        return f"{self.status} {http.client.responses.get(self.status, '')}".strip()


class NoAnswer(HostUnreachable):
    """Say which address did not answer, and how."""


class _Connection(http.client.HTTPConnection):
    """A connection over a channel, which is open until `hang_up`.

    http.client closes a connection that the server will close before it reads the body: the file made from a socket
    outlives that, the file made from a channel loses what has not come yet.
    """

    def close(self) -> None:
        pass

    def hang_up(self) -> None:
        super().close()


class Tunnels:
    """Keep HTTP connections through one SSH connection open for the next request.

    `dial(address, port, seconds)`: opens a direct-tcpip channel.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        # list.append and list.pop are atomic: several threads share it.
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    def ask(
        self, address: str, port: int, path: str, headers: Mapping[str, str], *, method: str, timeout: float, fresh: bool
    ) -> HttpAnswer:
        """Send one request and read the whole answer.

        `timeout`: seconds for each step; `fresh`: over a new connection, so that another worker may answer. Raises NoAnswer.
        """
        idle = self._idle.setdefault((address, port), [])
        url = f"http://{address}:{port}{path}"
        try:
            while idle and not fresh:
                answer = self._once(idle.pop(), idle, method, path, headers)
                if answer is not None:
                    return answer
            connection = _Connection(address, port, timeout=timeout)
            connection.sock = self._dial(address, port, timeout)
            answer = self._once(connection, idle, method, path, headers)
        except TimeoutError as error:
            raise NoAnswer(f"{url}: no answer within {timeout:.0f} s") from error
        if answer is None:
            raise NoAnswer(f"{url}: the connection was closed before an answer came")
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        for connections in self._idle.values():
            while connections:
                # One whose SSH connection has gone cannot say goodbye any more.
                with suppress(EOFError, OSError):
                    connections.pop().hang_up()

    @staticmethod
    def _once(
        connection: _Connection,
        idle: list[_Connection],
        method: str,
        path: str,
        headers: Mapping[str, str],
    ) -> HttpAnswer | None:
        """Return the answer, or None when the other side has closed the connection: it may have been idle for too long."""
        kept = False
        try:
            connection.request(method, path, headers=dict(headers))
            response = connection.getresponse()
            body = response.read()
            kept = not response.will_close
            return HttpAnswer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
        except TimeoutError:
            raise
        except (http.client.HTTPException, OSError, EOFError):
            return None
        finally:
            if kept:
                idle.append(connection)
            else:
                connection.hang_up()
