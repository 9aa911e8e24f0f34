"""manage.py, code and gunicorn, each in a process of its own that has Django imported already: starting it is most of their time.

A process that has imported what no settings change waits for orders, and forks for each of them.
"""

import atexit
import compileall
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "django.__main__",
    "django.contrib.staticfiles.management.commands.collectstatic",
    "django.contrib.staticfiles.storage",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.test.utils",
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "whitenoise.compress",
)
COMPILED = ("contrib/auth", "contrib/contenttypes", "contrib/sessions")
UNKNOWN = 255  # the exit code of what another process has forked


class Gone(Exception):
    """Say that the process that forks did not answer."""


class Forked:
    """A process that was forked and goes on, with what is needed here of a `subprocess.Popen`."""

    def __init__(self, commands: "Commands", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._commands = commands

    def poll(self) -> int | None:
        """Return the exit code; None: it runs."""
        if self.returncode is None and self._ended(0):
            self.returncode = int(self._commands.order("wait", self.pid))
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait until it has ended; raises subprocess.TimeoutExpired."""
        if self.returncode is None and not self._ended(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it, unless it is known to have ended: until then its number is no other's."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def end(self) -> None:
        """Kill it if it runs."""
        if self.poll() is None:
            self.send_signal(signal.SIGKILL)
            self.wait(60)

    def _ended(self, seconds: float) -> bool:
        watched = os.pidfd_open(self.pid)
        try:
            return bool(select.select([watched], [], [], seconds)[0])
        finally:
            os.close(watched)


class Commands:
    """The process that forks."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        atexit.register(self.close)

    def _started(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "tests.settings_snippets.commands"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.communicate(timeout=60)
            self._process = None

    def order(self, *words: Any, patience: float = 240.0) -> str:
        """Send an order and return the answer; raises Gone if there is none in `patience` seconds.

        Then the next order starts another process.
        """
        process = self._process = self._process or self._started()
        assert process.stdin is not None and process.stdout is not None
        answer = ""
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(words) + "\n")
                process.stdin.flush()
                if select.select([process.stdout], [], [], patience)[0]:
                    answer = process.stdout.readline()
        finally:
            # Of a test that is interrupted too: the next one would take the answer for its own.
            if not answer:
                process.kill()
                self.close()
        if not answer:
            raise Gone(f"the process that forks did not answer to {words}")
        return answer

    def run(
        self,
        arguments: list[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        umask: int,
        strict: bool,
        patience: float,
        what: str = "manage",
    ) -> tuple[int, str, str]:
        """Run a command in a folder; return its exit code and what it wrote; raises TimeoutError.

        `strict`: warnings are errors. `what`: or `code`.
        """
        with tempfile.TemporaryDirectory() as outcome:
            files = [f"{outcome}/{name}" for name in ("in", "out", "err")]
            for name in files:
                Path(name).touch(0o600)
            child = Forked(self, int(self.order("fork", what, arguments, str(folder), dict(environment), umask, strict, files)))
            try:
                code = child.wait(patience)
            except subprocess.TimeoutExpired:
                said = "".join(Path(name).read_text(errors="replace") for name in files[1:])
                raise TimeoutError(f"{arguments} took more than {patience:g} s; it wrote: {said}") from None
            finally:
                child.end()
            out, err = (Path(name).read_text() for name in files[1:])
            return code, out, err

    def start(
        self, arguments: list[str], *, what: str, folder: Path, environment: Mapping[str, str], umask: int, log: IO[bytes]
    ) -> Forked:
        """Start something that goes on, such as `gunicorn`, and append what it writes to a log; a warning is an error."""
        # The file may have no name.
        files = [os.devnull, *[f"/proc/{os.getpid()}/fd/{log.fileno()}"] * 2]
        child = self.order("fork", what, arguments, str(folder), dict(environment), umask, True, files)
        return Forked(self, int(child))


@cache
def commands() -> Commands:
    """Return the process that forks, the same for all tests."""
    return Commands()


def _serve() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    # The commands write no bytecode, so each would compile what it can import after its settings only.
    for name in COMPILED:
        compileall.compile_dir(Path(sys.modules["django"].__path__[0]) / name, quiet=2)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        verb, *words = json.loads(line)
        if verb == "wait":
            try:
                code = os.waitstatus_to_exitcode(os.waitpid(words[0], 0)[1])
            except ChildProcessError:
                code = UNKNOWN
            print(code, flush=True)
            continue
        child = os.fork()
        if child == 0:
            return _run(*words)
        print(child, flush=True)
    return None


def _run(
    what: str, arguments: list[str], folder: str, environment: dict[str, str], umask: int, strict: bool, files: list[str]
) -> None:
    """Be the process of a command."""
    for number, name in enumerate(files):
        os.dup2(os.open(name, os.O_RDWR | os.O_APPEND), number)
    os.chdir(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:] = [
        "",
        *environment.get("PYTHONPATH", "").split(os.pathsep),
        *(one for one in sys.path if one not in ("", str(ROOT))),
    ]
    # A site may have a package of this name too.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    if strict:
        warnings.simplefilter("error")
    if what == "code":
        sys.argv = ["-c"]
        exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__"})
    elif what == "gunicorn":
        # Its default is where its settings were imported.
        sys.argv = ["gunicorn", "--chdir", folder, *arguments]
        sys.modules["gunicorn.app.wsgiapp"].run(prog="gunicorn")
    else:
        sys.argv = [str(sys.modules["django.__main__"].__file__), *arguments]
        sys.modules["django.core.management"].execute_from_command_line(sys.argv)


if __name__ == "__main__":
    _serve()
