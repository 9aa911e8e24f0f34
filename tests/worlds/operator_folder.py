"""An operator's folder as tests need it: the tasks under another name, some tasks of its own, real `fab` and `invoke` in it."""

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BINARIES = ("fab", "invoke")
REQUIRED = {
    "aws": {"region": "eu-central-1"},
    "groups": ["web"],
    "ssh": {"user": "deploy"},
    "app": {"directory": "app", "services": ["shop.service"], "domain": "shop.example"},
    "static": {"url": "/static/"},
}
SETTINGS = """\
aws:
  region: eu-central-1
groups: [web]
ssh:
  user: deploy
app:
  directory: app
  services: [shop.service]
  domain: shop.example
static:
  url: /static/
"""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int


class Folder:
    """An operator's folder."""

    def __init__(self, path: Path, tasks: str, settings: str | None = SETTINGS) -> None:
        self.path = path
        (path / "ops").symlink_to(ROOT / "tasks")
        for name in ("fabfile.py", "tasks.py"):
            (path / name).write_text(tasks)
        if settings is not None:
            (path / "fabric.yaml").write_text(settings)

    def start(self, *words: str, cwd: str = ".", env: Mapping[str, str] | None = None, **more: object) -> "subprocess.Popen[str]":
        (self.path / cwd).mkdir(parents=True, exist_ok=True)
        whole = {**os.environ, **(env or {})}
        return subprocess.Popen(words, cwd=self.path / cwd, env=whole, text=True, **{**_PIPES, **more})  # type: ignore[call-overload]

    def run(self, *words: str, cwd: str = ".", env: Mapping[str, str] | None = None) -> Answer:
        with self.start(*words, cwd=cwd, env=env) as process:
            out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return Answer(out, err, process.returncode)

    def interrupt(self, *words: str, when: str, number: signal.Signals) -> Answer:
        """Start a command, and send it a signal as soon as it has printed something."""
        with self.start(*words) as process:
            seen = ""
            while when not in seen:
                line = process.stdout.readline()
                assert line, f"it ended before it printed {when!r}: {seen!r} {process.communicate()}"
                seen += line
            process.send_signal(number)
            out, err = process.communicate(timeout=120)
        return Answer(seen + out, err, process.returncode)

    def on_terminal(
        self, *words: str, env: Mapping[str, str] | None = None, act: Callable[[int, str], bool] | None = None
    ) -> Answer:
        """Run a command on a terminal of its own; `act` gets its process group and what it printed until it says True."""
        ours, theirs = pty.openpty()
        whole = {"TERM": "xterm", "COLUMNS": "60", **(env or {})}
        process = self.start(*words, env=whole, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        seen, end = b"", time.monotonic() + 120
        try:
            while time.monotonic() < end:
                if select.select([ours], [], [], 1)[0]:
                    try:
                        seen += os.read(ours, 65536)
                    except OSError:  # the other side is closed
                        break
                if act is not None and act(process.pid, seen.decode(errors="replace")):
                    act = None
            code = process.wait(timeout=60)
        finally:
            process.kill()
            os.close(ours)
        return Answer(seen.decode(), "", code)


_PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
