"""Start the rehearsal as a user does, follow what it prints, and see that it leaves nothing."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rehearsal import sandbox

ROOT = Path(__file__).parents[2]


PATIENCE = 1200.0  # seconds; the machine may be slow


STEPS = (
    "1  management instance",
    "2  SSH",
    "3  git",
    "4  migrate",
    "5  collectstatic",
    "6  restart",
    "7  verify",
    "restart-all",
    "8  image",
    "9  template version",
    "10 rollout",
    "warm-cdn",
    "invalidate",
    "11 stop the management instance",
)


# As `plain.duration` writes it: on a slow machine a step may take minutes.
DURATION = r"(?:[\d.]+ s|\d+ min \d\d s|\d+ h \d\d min)"


def unfinished(out: str) -> list[str]:
    """Return the steps of `ship` that the report does not list as ok."""
    return [step for step in STEPS if not re.search(rf"\| {step} +{DURATION} +ok$", out, re.M)]


def processes(folder: Path) -> list[str]:
    """Return the command lines of processes that have to do with a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if (
                entry.name.isdecimal()
                and str(folder).encode() in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            ):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let rehearsals keep their files here, and see that they leave none, nor a process."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    while STARTED:
        with STARTED.pop() as process:
            process.kill()
    assert eventually(lambda: not list(folder.iterdir())), list(folder.iterdir())
    assert eventually(lambda: not processes(folder)), processes(folder)


STARTED: list["subprocess.Popen[str]"] = []


def rehearse(*arguments: str, **more: str) -> "subprocess.Popen[str]":
    return start(*sandbox.command("inv"), "rehearse", *arguments, cwd=ROOT, **more)


def start(*command: str | Path, cwd: Path, **more: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    STARTED.append(process)
    return process


def told(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, out


def until(process: "subprocess.Popen[str]", line: str) -> str:
    """Read on until a line appears; return everything up to it."""
    assert process.stdout
    seen = ""
    for text in process.stdout:
        seen += text
        if line in text:
            return seen
    raise AssertionError(f"it ended without {line!r}:\n{seen}")
