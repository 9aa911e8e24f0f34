"""One command over an SSH connection: both streams read to their ends, within limits of time and size."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable

from paramiko import Channel, Transport

LIMIT = 64 * 1024 * 1024  # bytes that a command may print: a list of some 100,000 static files takes 10 MB
_CHUNK = 65536  # bytes
_PAUSE = 0.5  # seconds between two checks of the time while nothing arrives
_BEGIN = 60.0  # seconds in which a command without a timeout must have begun

Take = Callable[[bytes, bool], None]  # a piece of output, and whether it is of stderr


class Late(Exception):
    """The command has not ended in time; `printed`: its output so far."""

    def __init__(self, printed: str) -> None:
        super().__init__(printed)
        self.printed = printed


class TooMuch(Exception):
    """The command printed more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class Lost(Exception):
    """The connection ended before the command."""


def execute(transport: Transport, command: str, timeout: float, limit: int = LIMIT) -> tuple[str, str, int]:
    """Run a command and return its output on both streams, and its exit code.

    `timeout`: seconds until its end. Its input is empty. Raises Late, TooMuch, Lost, and paramiko's errors.
    """
    out, err = bytearray(), bytearray()

    def take(data: bytes, of_errors: bool) -> None:
        (err if of_errors else out).extend(data)

    try:
        code = stream(transport, command, timeout, take, limit=limit)
    except Late:
        raise Late(_text(bytes(out + err))) from None
    return _text(bytes(out)), _text(bytes(err)), code


def stream(
    transport: Transport, command: str, timeout: float | None, take: Take, *, limit: int | None = None, terminal: bool = False
) -> int:
    """Run a command, hand over its output as it comes, and return its exit code.

    `timeout`: seconds until its end, None for a command that is followed; `limit`: bytes; `terminal`: it runs on a terminal of
    its own, which merges both streams and ends the command when the connection ends. Raises as `execute`.
    """
    end = time.monotonic() + timeout if timeout is not None else float("inf")
    channel = transport.open_session(timeout=timeout or _BEGIN)
    try:
        _begin(channel, command, timeout or _BEGIN, terminal=terminal)
        _read(channel, end, take, limit)
        code: int = channel.recv_exit_status()
        if code < 0:
            raise Lost
        return code
    finally:
        channel.close()


def _begin(channel: Channel, command: str, timeout: float, *, terminal: bool) -> None:
    # Paramiko waits for the answer to this request without a timeout.
    watch = threading.Timer(timeout, channel.close)
    watch.start()
    try:
        if terminal:
            channel.get_pty("dumb", 1000)
        channel.exec_command(command)
        if not terminal:  # its end of input would be typed there
            channel.shutdown_write()
    finally:
        watch.cancel()


def _read(channel: Channel, end: float, take: Take, limit: int | None) -> None:
    size = 0
    ready = select.poll()
    # Set by paramiko when either stream has data, or has ended.
    ready.register(channel.fileno(), select.POLLIN)
    while True:
        # Read before the streams are emptied: data that arrived until then is read now.
        over = channel.closed or (channel.exit_status_ready() and channel.eof_received)
        taken = _take(channel, take)
        size += taken
        if limit is not None and size > limit:
            raise TooMuch(limit)
        if over and not taken:
            return
        if time.monotonic() > end and not over:
            raise Late("")
        if taken:
            continue
        if channel.eof_received:
            channel.status_event.wait(_PAUSE)
        else:
            ready.poll(_PAUSE * 1000)


def _take(channel: Channel, take: Take) -> int:
    """Hand over available data of either stream; return its size in bytes."""
    size = 0
    if channel.recv_ready():
        data = channel.recv(_CHUNK)
        size += len(data)
        take(data, False)
    if channel.recv_stderr_ready():
        data = channel.recv_stderr(_CHUNK)
        size += len(data)
        take(data, True)
    return size


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
