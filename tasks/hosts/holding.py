"""Secrets that a host keeps aside while we are connected, until the snapshots of its image have begun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paramiko import Agent, PKey, SSHException

from ..decisions.release import image_cleaning
from ..decisions.release.image_cleaning import CleanedFiles
from ..errors import DeployError, HostUnreachable, RemoteFailed, TimedOut
from ..settings.model import Ssh
from .ssh import Host, reason

_LONGEST = 1024 * 1024  # bytes of an answer
_SHOWN = 16_000  # characters of a refusal, which has a line for each reason


@contextmanager
def held(host: Host, cleaner: str, request: str, *, timeout: float) -> Iterator[CleanedFiles]:
    """Set aside on the host the files that no image may contain; the host restores them at the end, also if we die.

    `timeout`: seconds until all is aside, and again until all is restored. Raises RemoteFailed, TimedOut, HostUnreachable;
    DeployError when files were restored too early: then the image must not be used.
    """
    with _Talk(host, image_cleaning.hold(cleaner), timeout) as talk:
        talk.say(request)
        try:
            found = image_cleaning.read(talk.line())
        except ValueError:
            raise talk.failed() from None
        try:
            yield found
        except BaseException:
            # The end of its input makes it restore; the first error is the one to report.
            with suppress(DeployError):
                talk.say("resume")
                talk.line()
            raise
        talk.say("resume")
        end = image_cleaning.ended(talk.line())
        if not end:
            raise talk.failed()
        if end != "asked":
            raise DeployError(f"{host.name}: secrets were restored before the snapshots began: the image is not used. Bake again")


class _Talk:
    """A command on a host with a line-based dialogue; a context manager."""

    def __init__(self, host: Host, command: str, timeout: float) -> None:
        self._host = host
        self._command = command
        self._timeout = timeout

    def __enter__(self) -> _Talk:
        """Start the command; raises HostUnreachable."""
        try:
            self._host.connection.open()
            self._channel = self._host.connection.transport.open_session(timeout=self._timeout)
            self._channel.exec_command(self._command)
        except (SSHException, EOFError, OSError) as error:
            raise HostUnreachable(f"{self._host.name}: `{self._command}`: {reason(error)}") from error
        self._channel.settimeout(self._timeout)
        self._lines = self._channel.makefile("rb")
        return self

    def __exit__(self, *_: object) -> None:
        """End its input, and with it the command."""
        self._channel.close()

    def say(self, line: str) -> None:
        """Send a line; the answer shows whether it arrived."""
        with suppress(OSError):
            self._channel.sendall(f"{line}\n".encode())

    def line(self) -> str:
        """Return the next line of JSON, "" at the end of the output; raises TimedOut.

        The output of the user's shell at its start is skipped.
        """
        try:
            while (line := self._lines.readline(_LONGEST)) and not line.startswith(b"{"):
                pass
            return str(line.decode(errors="replace"))
        except TimeoutError as error:
            raise TimedOut(f"{self._host.name}: `{self._command}`", self._timeout, "no answer") from error

    def failed(self) -> DeployError:
        """Return the error for a missing answer."""
        if not self._channel.status_event.wait(10) or self._channel.exit_status < 0:
            what = f"the connection broke while `{self._command}` ran; the host restores everything by itself"
            return HostUnreachable(f"{self._host.name}: {what}")
        errors = b""
        with suppress(OSError):
            while more := self._channel.recv_stderr(4096):
                errors += more
        tail = errors.decode(errors="replace").strip()[-_SHOWN:]
        return RemoteFailed(self._host.name, self._command, self._channel.exit_status, tail)


def own_keys(ssh: Ssh) -> list[str]:
    """Return the public keys that we may log in with, as "type base64": of the key file, or of ssh-agent."""
    found = [f"{key.get_name()} {key.get_base64()}" for key in Agent().get_keys()]
    if ssh.key is not None:
        path = Path(ssh.key).expanduser()
        public = path.with_name(f"{path.name}.pub")
        with suppress(OSError, SSHException, ValueError):
            if public.is_file():
                found.append(" ".join(public.read_text().split()[:2]))
            else:
                key = PKey.from_path(path)
                found.append(f"{key.get_name()} {key.get_base64()}")
    return found
