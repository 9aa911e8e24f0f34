"""The process that forks the tests' commands: what goes wrong with one of them is no other's."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.settings_snippets.commands import UNKNOWN, Commands, Forked, Gone

FOREVER = "import time; time.sleep(3600)"


@pytest.fixture(scope="module")
def commands() -> Commands:
    """Another one than that of all tests."""
    return Commands()


def run(commands: Commands, code: str, patience: float = 240.0) -> tuple[int, str, str]:
    return commands.run(
        [code], what="code", folder=Path("/"), environment=os.environ, umask=0o022, strict=True, patience=patience
    )


@contextmanager
def started(commands: Commands) -> Iterator[Forked]:
    # Open as long as it runs: the command itself opens it once more.
    with Path(os.devnull).open("wb") as log:
        child = commands.start([FOREVER], what="code", folder=Path("/"), environment=os.environ, umask=0o022, log=log)
        try:
            yield child
        finally:
            child.end()


def children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def test_a_command_that_takes_too_long_is_killed_and_fails_alone(commands: Commands) -> None:
    assert run(commands, "print(1)") == (0, "1\n", "")
    assert commands._process
    server = commands._process.pid
    with pytest.raises(TimeoutError, match=r"took more than 0\.1 s; it wrote: "):
        run(commands, FOREVER, patience=0.1)
    assert children(server) == []
    assert run(commands, "print(2)") == (0, "2\n", "")
    assert commands._process.pid == server


def test_the_commands_of_a_process_that_is_gone_can_still_be_ended(commands: Commands) -> None:
    with started(commands) as first:
        assert commands._process
        os.kill(commands._process.pid, signal.SIGKILL)
        with pytest.raises(Gone):
            run(commands, "print(1)")
        assert run(commands, "print(2)") == (0, "2\n", "")
        assert first.poll() is None
    assert first.returncode == UNKNOWN and not Path(f"/proc/{first.pid}/exe").exists()


def test_what_interrupts_an_order_leaves_no_answer_for_the_next(commands: Commands) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    with started(commands) as child:
        try:
            with pytest.raises(KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                commands.order("wait", child.pid)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert run(commands, "print(3)") == (0, "3\n", "")
