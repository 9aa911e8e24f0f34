"""One command over an SSH connection: both streams read to their ends, within limits of time and size."""

from __future__ import annotations

import select
import threading
import time

from paramiko import Channel, Transport

LIMIT = 64 * 1024 * 1024  # bytes that a command may print: a list of some 100,000 static files takes 10 MB
_CHUNK = 65536  # bytes
_PAUSE = 0.5  # seconds between two checks of the time while nothing arrives


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
    end = time.monotonic() + timeout
    channel = transport.open_session(timeout=timeout)
    try:
        _begin(channel, command, timeout)
        out, err = _read(channel, end, limit)
        if channel.recv_exit_status() < 0:
            raise Lost
        return _text(out), _text(err), channel.exit_status
    finally:
        channel.close()


def _begin(channel: Channel, command: str, timeout: float) -> None:
    # Paramiko waits for the answer to this request without a timeout.
    watch = threading.Timer(timeout, channel.close)
    watch.start()
    try:
        channel.exec_command(command)
        channel.shutdown_write()
    finally:
        watch.cancel()


def _read(channel: Channel, end: float, limit: int) -> tuple[bytes, bytes]:
    out, err = bytearray(), bytearray()
    ready = select.poll()
    # Set by paramiko when either stream has data, or has ended.
    ready.register(channel.fileno(), select.POLLIN)
    while True:
        # Read before the streams are emptied: data that arrived until then is read now.
        over = channel.closed or (channel.exit_status_ready() and channel.eof_received)
        if _take(channel, out, err):
            if len(out) + len(err) > limit:
                raise TooMuch(limit)
        elif over:
            return bytes(out), bytes(err)
        elif time.monotonic() > end:
            raise Late(_text(bytes(out + err)))
        elif channel.eof_received:
            channel.status_event.wait(_PAUSE)
        else:
            ready.poll(_PAUSE * 1000)


def _take(channel: Channel, out: bytearray, err: bytearray) -> bool:
    """Append available data of either stream; return whether there was any."""
    before = len(out) + len(err)
    if channel.recv_ready():
        out += channel.recv(_CHUNK)
    if channel.recv_stderr_ready():
        err += channel.recv_stderr(_CHUNK)
    return len(out) + len(err) > before


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
