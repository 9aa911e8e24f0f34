"""One host over one SSH connection, which stays open during a run: commands, and HTTP to addresses that the host can reach."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from fabric import Connection
from paramiko import Channel, ChannelException, SSHException

from ..decisions.release.file_contents import Digest
from ..errors import HostUnreachable, RemoteFailed, TimedOut
from ..runtime.text import gist, redact
from .executing import Late, Lost, TooMuch, execute, stream
from .http import FILE, PAGE, HttpAnswer, Limits, NoAnswer, Tunnels
from .lines import Lines

QUICK = 60.0  # seconds for a command that only reads
_WIDTH = 8  # requests at a time


@dataclass(frozen=True)
class Answer:
    """The output of a command on a host, and its exit code."""

    stdout: str
    stderr: str
    code: int

    @property
    def text(self) -> str:
        """The stdout, without surrounding blanks."""
        return self.stdout.strip()


class Host:
    """One host over one SSH connection, which stays open until `close`; also a context manager.

    `name`: the instance id, or another name; `address`: where; `carrier`: closes the connection's tunnel, after it.
    """

    def __init__(self, name: str, address: str, connection: Connection, carrier: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.address = address
        self.connection = connection
        self.when_changed: Callable[[], None] = lambda: None  # called before a command that changes something
        self.when_noisy: Callable[[str], None] = lambda text: None  # called once with the shell's output before any command
        self._noisy = False
        # Before a command's output: the startup files of the user's shell may print, too.
        self._mark = f"ramped-{secrets.token_hex(8)}"
        self._tunnels = Tunnels(self._dial)
        self._end = ExitStack()
        self._end.callback(carrier)
        self._end.callback(connection.client.close)
        self._end.callback(self._tunnels.close)

    def __enter__(self) -> Host:
        """Return the host itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection and what depends on it; a second time does nothing."""
        self._end.close()

    def when_closed(self, also: Callable[[], None]) -> None:
        """Register a function to call when this host is closed."""
        self._end.callback(also)

    def run(self, command: str, *, check: bool = True, timeout: float = QUICK, label: str | None = None) -> Answer:
        """Run a command that changes something; otherwise as `read`."""
        self.when_changed()
        return self.read(command, check=check, timeout=timeout, label=label)

    def read(self, command: str, *, check: bool = True, timeout: float = QUICK, label: str | None = None) -> Answer:
        """Run a command that changes nothing in the user's shell and wait for its end.

        `check`: raise RemoteFailed unless it exits 0; `timeout`: seconds; `label`: what to call a long command in an error.
        Raises RemoteFailed, TimedOut, HostUnreachable. A command that timed out may go on running there.
        """
        shown = redact(label or command)
        with self._explained(shown, timeout):
            self.connection.open()
            printed, errors, code = execute(self.connection.transport, f"echo {self._mark}; {command}", timeout)
        answer = Answer(self._behind_the_mark(printed, errors, shown), errors, code)
        return self.checked(answer, shown) if check else answer

    def stream(
        self,
        command: str,
        take: Callable[[str, bool], None],
        *,
        timeout: float | None,
        label: str | None = None,
        terminal: bool = False,
        limit: int | None = None,
    ) -> int:
        """Run a command, hand over each line that it prints as it comes, and return its exit code.

        `take`: called with the line and whether it is of stderr; `timeout`: seconds, None for a command that is followed;
        `terminal`: on a terminal, which ends the command with the connection; `limit`: bytes. Raises as `read` without `check`.
        """
        shown = redact(label or command)
        lines = Lines(take, self._mark)
        with self._explained(shown, timeout or 0.0):
            self.connection.open()
            marked = f"echo {self._mark}; {command}"
            code = stream(self.connection.transport, marked, timeout, lines.feed, terminal=terminal, limit=limit)
        lines.end()
        if not lines.marked:
            raise self._never_run(shown, lines.before)
        return code

    @contextmanager
    def _explained(self, shown: str, timeout: float) -> Iterator[None]:
        """Turn the ways in which a command does not end into errors for the operator."""
        try:
            yield
        except Late as late:
            seen = gist(late.printed.partition(f"{self._mark}\n")[2])
            raise TimedOut(f"{self.name}: `{shown}`", timeout, seen or "nothing was printed") from late
        except TooMuch as much:
            raise HostUnreachable(f"{self.name}: `{shown}` printed more than {much.limit >> 20} MiB") from much
        except Lost as lost:
            raise HostUnreachable(
                f"{self.name}: the connection broke while `{shown}` ran; it may still be running there"
            ) from lost
        except (SSHException, EOFError, OSError) as error:
            raise HostUnreachable(f"{self.name}: the connection broke while `{shown}` ran: {reason(error)}") from error

    def _never_run(self, shown: str, printed: str) -> HostUnreachable:
        said = gist(printed) or "nothing"
        return HostUnreachable(f"{self.name}: `{shown}` was not run; the login shell printed: {said}. Is it a shell?")

    def _behind_the_mark(self, printed: str, errors: str, shown: str) -> str:
        """Return the command's own output. Raises HostUnreachable where it never ran."""
        before, mark, own = printed.partition(f"{self._mark}\n")
        if not mark:
            raise self._never_run(shown, printed or errors)
        if before and not self._noisy:
            self._noisy = True
            self.when_noisy(before)
        return own

    def checked(self, answer: Answer, label: str) -> Answer:
        """Return the answer of a command that exited 0; raise RemoteFailed for any other."""
        if answer.code:
            raise RemoteFailed(self.name, redact(label), answer.code, gist(answer.stderr.strip() or answer.stdout))
        return answer

    def http(
        self,
        address: str | None,
        port: int,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        limits: Limits = PAGE,
        fresh: bool = False,
        into: Callable[[bytes], object] | None = None,
    ) -> HttpAnswer:
        """Send a request to an HTTP server that this host can reach.

        `address`: None for this host's own; `path`: quoted; `fresh`: over a new connection; `into`: called with each
        chunk of the body, which is then not kept. Raises NoAnswer.
        """
        return self._tunnels.ask(
            address or self.address, port, path, headers or {}, method=method, limits=limits, fresh=fresh, into=into
        )

    def check_many(
        self,
        paths: Sequence[str],
        headers: Mapping[str, str],
        *,
        port: int,
        check: Callable[[str, Digest], str] | None = None,
        address: str | None = None,
    ) -> dict[str, str]:
        """Request many paths of this host, or of an `address` that it can reach, several at a time.

        `check(path, digest)`: the fault of a content, or ""; without it only the headers are requested (HEAD). Returns the
        fault by path, also for an answer other than 200.
        """

        def request(path: str) -> str:
            digest = Digest()
            try:
                method = "GET" if check else "HEAD"
                answer = self.http(address, port, path, headers, method=method, limits=FILE, into=digest.update)
            except NoAnswer as error:
                return str(error)
            if answer.status != 200:
                return str(answer)
            return check(path, digest) if check else ""

        with ThreadPoolExecutor(_WIDTH, thread_name_prefix=self.name) as pool:
            return {path: seen for path, seen in zip(paths, pool.map(request, paths), strict=True) if seen}

    def _dial(self, address: str, port: int, timeout: float) -> Channel:
        where = f"http://{address}:{port}"
        try:
            self.connection.open()
            channel = self.connection.transport.open_channel("direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout)
        except ChannelException as error:
            # RFC 4254: 1 is "administratively prohibited"
            why = "sshd there forbids it: set AllowTcpForwarding" if error.code == 1 else "refused"
            raise NoAnswer(f"{where} from {self.name}: {why}") from error
        except (SSHException, EOFError, OSError) as error:
            # Of two rejections at the same time paramiko keeps one reason.
            why = "refused" if str(error).startswith("Unable to open channel") else reason(error)
            raise NoAnswer(f"{where} from {self.name}: {why}") from error
        return channel


def reason(error: BaseException) -> str:
    """Return the message of an error, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
