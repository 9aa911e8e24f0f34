"""The operator's terminal on a host: a real terminal here, a real sshd there."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path
from struct import pack

import pytest

from tasks.errors import SettingsError
from tasks.hosts.attending import attend
from tasks.hosts.connecting import connect
from tasks.hosts.keys import Trust
from tasks.settings.model import Ssh
from tests.hosts import sshd

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from tasks.hosts.attending import attend
from tasks.hosts.connecting import connect
from tasks.hosts.keys import Trust
from tasks.settings.model import Ssh

user, key, port, host_key, command = sys.argv[1:]
with connect("i-1", "127.0.0.1", Ssh(user=user, key=key, port=int(port)), Trust((host_key,), "a test")) as host:
    print("ended", attend(host, command or None))
"""


class Terminal:
    """A terminal with a program on it."""

    def __init__(self, *words: str) -> None:
        self.ours, theirs = pty.openpty()
        self.resize(50, 132)
        self.before = termios.tcgetattr(theirs)
        env = {**os.environ, "TERM": "xterm"}
        self.process = subprocess.Popen(words, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
        self.theirs, self.seen = theirs, ""

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self.ours, termios.TIOCSWINSZ, pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: str) -> str:
        """Read until a pattern is seen; return everything, and begin anew."""
        end = time.monotonic() + 60
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, self.seen
            if select.select([self.ours], [], [], 1)[0]:
                self.seen += os.read(self.ours, 65536).decode(errors="replace")
        seen, self.seen = self.seen, ""
        return seen

    def type(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(server: sshd.Sshd, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    command = getattr(request, "param", "")
    words = (server.user, str(server.client_key), str(server.port), server.host_key, command)
    terminal = Terminal(sys.executable, "-c", PROGRAM, *words)
    yield terminal
    terminal.close()


def test_a_shell_gets_every_key_and_this_terminal_is_as_before(terminal: Terminal) -> None:
    terminal.type("stty size; tty; echo $TERM-$((6*7))\n")
    seen = terminal.until("xterm-42")
    assert "50 132" in seen
    assert "/dev/pts/" in seen
    # Once it runs: before, Ctrl-C would be the shell's own.
    terminal.type("sh -c 'echo runs-$((6*7)); exec sleep 300'\n")
    terminal.until("runs-42")
    terminal.type("\x03")  # ends the command there, not this program
    terminal.type("echo still-$((6*7))\n")
    terminal.until("still-42")
    terminal.resize(24, 80)
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.type("stty size; echo size-$?\n")
    while "24 80" not in terminal.until("size-0"):  # it is told beside the keys
        terminal.type("stty size; echo size-$?\n")
    terminal.type("exit 5\n")
    terminal.until("ended 5")
    assert terminal.process.wait(30) == 0
    assert termios.tcgetattr(terminal.theirs) == terminal.before


@pytest.mark.parametrize("terminal", ["read -p 'Name: ' name; echo \"it is $name\"; exit 3"], indirect=True)
def test_a_command_may_ask(terminal: Terminal) -> None:
    terminal.until("Name: ")
    terminal.type("eve\n")
    assert "it is eve" in terminal.until("ended 3")


@pytest.mark.parametrize("terminal", ["kill -9 $PPID; sleep 60"], indirect=True)
def test_a_connection_that_breaks_is_said_and_this_terminal_is_as_before(terminal: Terminal) -> None:
    terminal.until("i-1: the connection broke")
    assert terminal.process.wait(30) == 1
    assert termios.tcgetattr(terminal.theirs) == terminal.before


def test_without_a_terminal_it_is_refused(server: sshd.Sshd, ssh: Ssh) -> None:
    with (
        connect("i-1", server.address, ssh, Trust((server.host_key,), "a test")) as host,
        pytest.raises(SettingsError, match="needs a terminal"),
    ):
        attend(host)
