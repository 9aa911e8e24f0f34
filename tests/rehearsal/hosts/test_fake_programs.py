"""The scripts on an instance's PATH, run without an instance."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rehearsal.hosts import fake_programs

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def control(tmp_path: Path) -> Path:
    return tmp_path / "c"


@pytest.fixture
def run(tmp_path: Path, control: Path) -> Iterator[Run]:
    folder = tmp_path / "the bin folder"
    fake_programs.install(folder, control)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    yield run


def test_sudo_runs_the_command_with_its_words_and_its_exit_code(run: Run) -> None:
    done = run("sudo", "-n", "--non-interactive", "--", "sh", "-c", 'echo "$1|$2"; exit 6', "sh", "two words", "-n")
    assert (done.returncode, done.stdout) == (6, "two words|-n\n")


@pytest.mark.parametrize("option", ["-u", "-E", "-i", "-S", "--user=root", "-nu"])
def test_sudo_refuses_options_that_it_does_not_know(run: Run, option: str) -> None:
    done = run("sudo", option, "true")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"sudo: option {option} is not modelled by the rehearsal; modelled: -n, -l, --\n"


def test_sudo_finds_the_stand_ins_first(run: Run) -> None:
    assert "not modelled by the rehearsal" in run("sudo", "shutdown", "now").stderr


@pytest.mark.parametrize("name", fake_programs.REFUSED)
def test_what_would_reach_the_real_machine_is_refused(run: Run, name: str) -> None:
    done = run(name, "--help")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{name}: not modelled by the rehearsal: ")


def answering(control: Path, reply: bytes) -> tuple[threading.Thread, list[bytes]]:
    asked: list[bytes] = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(control))
    listening.listen()

    def talk() -> None:
        with listening:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as lines:
                asked.append(lines.readline())
                connection.sendall(reply)

    thread = threading.Thread(target=talk)
    thread.start()
    return thread, asked


def test_systemctl_hands_its_words_to_the_init_and_its_answer_back(run: Run, control: Path) -> None:
    thread, asked = answering(control, json.dumps({"out": "ö\n", "err": "e\n", "code": 3}).encode())
    done = run("systemctl", "show", "a b", "--property=X")
    thread.join()
    assert (done.returncode, done.stdout, done.stderr) == (3, "ö\n", "e\n")
    assert json.loads(asked[0]) == ["systemctl", "show", "a b", "--property=X"]


def test_systemctl_of_a_machine_that_goes_down_fails(run: Run, control: Path) -> None:
    thread, _ = answering(control, b"")
    done = run("journalctl", "-u", "shop")
    thread.join()
    assert (done.returncode, done.stderr) == (1, "The instance went down.\n")


def test_systemctl_without_an_init_says_so(run: Run) -> None:
    done = run("systemctl", "restart", "shop")
    assert done.returncode == 1
    assert done.stderr == "Failed to connect to the init of this instance: No such file or directory\n"
