"""Real health checks over HTTP, HTTPS and TCP, many at once, from one thread."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from ..loop_thread import LoopThread

# A load balancer does not validate the certificates of its targets ("Target groups" in the guide of Elastic Load Balancing).
_UNVERIFIED = ssl._create_unverified_context()
_CONNECTIONS = ("TCP", "TLS", "UDP", "TCP_UDP")  # a check succeeds if the connection is made


@dataclass(frozen=True)
class Probe:
    """Where to ask, and how long to wait for the answer, in real seconds."""

    address: str
    port: int
    path: str
    timeout: float
    protocol: str = "HTTP"


@dataclass(frozen=True)
class Outcome:
    """What a probe met: a status, or why there was none (`refused`, `timeout`)."""

    key: Hashable
    status: int | None
    failure: str = ""


class Checker:
    """Send probes; collect their outcomes when it suits."""

    def __init__(self) -> None:
        self._loop = LoopThread("health-checks")
        self._outcomes: deque[Outcome] = deque()

    def submit(self, key: Hashable, probe: Probe) -> None:
        """Send a probe; its outcome will bear the key."""
        self._loop.submit(self._check(key, probe))

    def outcomes(self) -> list[Outcome]:
        """Take the outcomes since the last time."""
        return [self._outcomes.popleft() for _ in range(len(self._outcomes))]

    async def _check(self, key: Hashable, probe: Probe) -> None:
        try:
            async with asyncio.timeout(probe.timeout):
                self._outcomes.append(Outcome(key, await _status(probe)))
        except TimeoutError:
            self._outcomes.append(Outcome(key, None, "timeout"))
        except (OSError, ValueError, IndexError):
            self._outcomes.append(Outcome(key, None, "refused"))

    def close(self) -> None:
        """End the thread."""
        self._loop.close()


async def _status(probe: Probe) -> int:
    reader, writer = await asyncio.open_connection(
        probe.address, probe.port, ssl=_UNVERIFIED if probe.protocol == "HTTPS" else None
    )
    try:
        if probe.protocol in _CONNECTIONS:
            return 200
        host = f"{probe.address}:{probe.port}"
        head = f"GET {probe.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
