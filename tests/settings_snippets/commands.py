"""manage.py commands, each in a process of its own that has Django imported already: starting it is most of their time.

A process that has imported what no settings change waits for commands, and forks for each of them.
"""

import atexit
import contextlib
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTED = (
    "django.__main__",
    "django.contrib.staticfiles.management.commands.collectstatic",
    "django.contrib.staticfiles.storage",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "django.test.utils",
    "whitenoise.compress",
)


class Refused(Exception):
    """Say that no command ran."""


class Commands:
    """The process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.settings_snippets.commands"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.close)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._process.communicate(timeout=60)

    def run(
        self, arguments: list[str], *, folder: Path, environment: Mapping[str, str], umask: int, strict: bool, patience: float
    ) -> tuple[int, str, str]:
        """Run a command in a folder; return its exit code and what it wrote. `strict`: warnings are errors."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with tempfile.TemporaryDirectory() as outcome:
            order = [arguments, str(folder), dict(environment), umask, strict, outcome]
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], patience)[0]:
                self._process.kill()
                raise Refused(f"{arguments} took more than {patience:g} s")
            code = self._process.stdout.readline()
            if not code:
                raise Refused(f"the process that forks is gone, at {arguments}")
            return int(code), *((Path(outcome) / name).read_text() for name in ("out", "err"))


@cache
def commands() -> Commands:
    """Return the process that forks, the same for all tests."""
    return Commands()


def _serve() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return _run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def _run(arguments: list[str], folder: str, environment: dict[str, str], umask: int, strict: bool, outcome: str) -> None:
    """Be the process of a command."""
    for number, name in enumerate(("in", "out", "err")):
        os.dup2(os.open(f"{outcome}/{name}", os.O_RDWR | os.O_CREAT, 0o600), number)
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
    sys.argv = [str(sys.modules["django.__main__"].__file__), *arguments]
    sys.modules["django.core.management"].execute_from_command_line(sys.argv)


if __name__ == "__main__":
    _serve()
