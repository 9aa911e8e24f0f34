"""The operator's terminal on a host: every key goes there, everything printed there comes here, until the command ends.

Fabric's own runner leaves Ctrl-C, Ctrl-Z and Ctrl-\\ to this machine, and polls; a terminal in raw mode passes all keys on.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from paramiko import Channel, SSHException

from ..errors import HostUnreachable, SettingsError
from .ssh import Host, reason

_CHUNK = 65536  # bytes
_PATIENCE = 60.0  # seconds until the host must have given a terminal


def has_terminal() -> bool:
    """Return whether this process has a terminal, for input and output."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def attend(host: Host, command: str | None = None) -> int:
    """Run a command, or the login shell, on a terminal of the host, with this process's terminal; return its exit code.

    Raises SettingsError where this process has no terminal, HostUnreachable.
    """
    if not has_terminal():
        raise SettingsError("this needs a terminal; elsewhere use `run` or `manage`")
    try:
        host.connection.open()
        channel = host.connection.transport.open_session(timeout=_PATIENCE)
    except (SSHException, EOFError, OSError) as error:
        raise HostUnreachable(f"{host.name}: {reason(error)}") from error
    try:
        # Paramiko waits for the answers to these requests without a timeout.
        watch = threading.Timer(_PATIENCE, channel.close)
        watch.start()
        try:
            channel.get_pty(os.environ.get("TERM", "vt100"), *_size())
            if command is None:
                channel.invoke_shell()
            else:
                channel.exec_command(command)
        finally:
            watch.cancel()
        with _raw(), _resized(channel):
            _bridge(channel)
        code: int = channel.recv_exit_status()
    except (SSHException, EOFError, OSError) as error:
        raise HostUnreachable(f"{host.name}: the connection broke: {reason(error)}") from error
    finally:
        channel.close()
    if code < 0:
        raise HostUnreachable(f"{host.name}: the connection broke")
    return code


def _size() -> tuple[int, int]:
    return os.get_terminal_size(sys.stdout.fileno())


@contextmanager
def _raw() -> Iterator[None]:
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    try:
        tty.setraw(keyboard, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


@contextmanager
def _resized(channel: Channel) -> Iterator[None]:
    def resize(*_: object) -> None:
        channel.resize_pty(*_size())

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _bridge(channel: Channel) -> None:
    keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
    ready = select.poll()
    ready.register(channel.fileno(), select.POLLIN)
    ready.register(keyboard, select.POLLIN)
    while True:
        woken = {number for number, _ in ready.poll()}
        if channel.fileno() in woken:
            data = channel.recv(_CHUNK) if channel.recv_ready() or channel.eof_received or channel.closed else b""
            if not data and (channel.eof_received or channel.closed):
                return
            _write(screen, data)
        if keyboard in woken:
            keys = _keys(keyboard)
            if keys:
                channel.sendall(keys)
            else:
                ready.unregister(keyboard)
                channel.shutdown_write()


def _keys(keyboard: int) -> bytes:
    try:
        return os.read(keyboard, _CHUNK)
    except OSError:  # the terminal was closed
        return b""


def _write(screen: int, data: bytes) -> None:
    while data:
        data = data[os.write(screen, data) :]
