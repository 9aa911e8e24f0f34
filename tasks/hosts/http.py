"""HTTP to an instance's own address, through the SSH connection to it or to a host near it."""

from __future__ import annotations

import http.client
import io
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paramiko import Channel

from ..decisions.release.answers import json_object
from ..errors import HostUnreachable
from .shell.scripts.pages import by_name

Dial = Callable[[str, int, float], "Channel"]
_CHUNK = 65536  # bytes


@dataclass(frozen=True)
class Limits:
    """How long an answer may take and how large it may be: a broken or foreign host must not block a run."""

    step: float  # seconds without data
    whole: float  # seconds for the whole answer
    size: int  # bytes of its body


PAGE = Limits(10.0, 10.0, 64 * 1024)  # a health view, or an error
FILE = Limits(30.0, 900.0, 4 * 1024**3)


@dataclass(frozen=True)
class HttpAnswer:
    """The answer of a web server; header names are in lower case, the values of one name side by side."""

    status: int
    headers: Mapping[str, str]
    body: bytes  # empty where it was passed on in chunks

    def json(self) -> Mapping[str, Any]:
        """Return the body as a JSON object, empty when it is none."""
        return json_object(self.body) or {}

    def __str__(self) -> str:
        return f"{self.status} {http.client.responses.get(self.status, '')}".strip()


class NoAnswer(HostUnreachable):
    """An address did not answer."""


class _TooLarge(Exception):
    """The body is larger than allowed."""


class _Wire(io.RawIOBase):
    """A channel as a socket for http.client, with a timeout for each step and for the whole.

    http.client closes a connection that the server will close before it reads the body: here that does nothing.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._step = self._end = 0.0

    def begin(self, limits: Limits) -> None:
        """Begin an exchange."""
        self._step, self._end = limits.step, time.monotonic() + limits.whole

    def _arm(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._channel.settimeout(min(self._step, left))

    def sendall(self, data: bytes) -> None:
        """Send all data; raises TimeoutError."""
        self._arm()
        self._channel.sendall(data)

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return the reader of the answer."""
        return io.BufferedReader(_Reading(self))

    def read_into(self, buffer: Any) -> int:
        """Read available data; raises TimeoutError."""
        self._arm()
        data = self._channel.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Keep it open: the answer is still to be read."""

    def hang_up(self) -> None:
        """Close the channel."""
        self._channel.close()


class _Reading(io.RawIOBase):
    """The reading side of a wire."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.read_into(buffer)


class _Connection(http.client.HTTPConnection):
    """A connection over a wire, open until `hang_up`."""

    def __init__(self, address: str, port: int, channel: Channel) -> None:
        super().__init__(address, port)
        self.wire = _Wire(channel)
        self.sock = self.wire

    def close(self) -> None:
        pass

    def hang_up(self) -> None:
        super().close()
        self.wire.hang_up()


class Tunnels:
    """HTTP connections through one SSH connection, kept open for the next request.

    `dial(address, port, seconds)`: opens a direct-tcpip channel.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        # list.append and list.pop are atomic: several threads share the list.
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    def ask(
        self,
        address: str,
        port: int,
        path: str,
        headers: Mapping[str, str],
        *,
        method: str,
        limits: Limits,
        fresh: bool,
        into: Callable[[bytes], object] | None = None,
    ) -> HttpAnswer:
        """Send one request and read the whole answer.

        `fresh`: over a new connection, so that another worker may answer; `into`: called with each chunk of the body, which is
        then not kept. Raises NoAnswer.
        """
        idle = self._idle.setdefault((address, port), [])
        url = f"http://{address}:{port}{path}"
        request = _Request(method, path, headers, limits, into)
        try:
            while idle and not fresh:
                answer = request.over(idle.pop(), idle)
                if answer is not None:
                    return answer
            answer = request.over(_Connection(address, port, self._dial(address, port, limits.step)), idle)
        except TimeoutError as error:
            raise NoAnswer(f"{url}: no answer within {request.waited:.0f} s") from error
        except _TooLarge as error:
            raise NoAnswer(f"{url}: an answer of more than {limits.size // 1024} KiB") from error
        if answer is None:
            raise NoAnswer(f"{url}: the connection was closed before an answer came")
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        for connections in self._idle.values():
            while connections:
                # After the SSH connection has ended it cannot be closed.
                with suppress(EOFError, OSError):
                    connections.pop().hang_up()


class _Request:
    """A request that may be repeated over another connection."""

    def __init__(
        self, method: str, path: str, headers: Mapping[str, str], limits: Limits, into: Callable[[bytes], object] | None
    ) -> None:
        self._method = method
        self._path = path
        self._headers = headers
        self._limits = limits
        self._into = into
        self._begun = time.monotonic()

    @property
    def waited(self) -> float:
        """The seconds since it began."""
        return time.monotonic() - self._begun

    def over(self, connection: _Connection, idle: list[_Connection]) -> HttpAnswer | None:
        """Return the answer, or None when the server has closed the connection, perhaps as idle."""
        kept = False
        connection.wire.begin(self._limits)
        try:
            connection.request(self._method, self._path, headers=dict(self._headers))
            response = connection.getresponse()
            body = self._body(response)
            kept = not response.will_close
            return HttpAnswer(response.status, by_name(response.getheaders()), body)
        except TimeoutError:
            raise
        except (http.client.HTTPException, OSError, EOFError):
            return None
        finally:
            if kept:
                idle.append(connection)
            else:
                connection.hang_up()

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        kept, size = [], 0
        while piece := response.read(_CHUNK):
            size += len(piece)
            if size > self._limits.size:
                raise _TooLarge
            if self._into:
                self._into(piece)
            else:
                kept.append(piece)
        return b"".join(kept)
