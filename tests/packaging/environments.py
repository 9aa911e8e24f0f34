"""The wheel, and virtual environments with nothing else in them than what it asks for."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
_VERSION = "import sys; print(*sys.version_info[:2])"


def user() -> Path:
    """Return the home of the user, whose cache of downloads saves time; $HOME is the test's own."""
    return Path(pwd.getpwuid(os.geteuid()).pw_dir)


def run(*command: str | Path, cwd: Path = ROOT, code: int = 0) -> str:
    """Run a command that exits with `code`; return what it printed."""
    environment = os.environ | {"PIP_CACHE_DIR": str(user() / ".cache/pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this repository."""
    run(sys.executable, "-m", "pip", "wheel", "-q", ROOT, "--no-deps", "--wheel-dir", folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    def pip(self, *arguments: str | Path) -> str:
        """Run pip for it: the pip of the Python that runs the tests."""
        return run(sys.executable, "-m", "pip", "--python", self.folder / "bin/python", *arguments)

    def install(self, *arguments: str | Path) -> None:
        """Install something; what is imported is compiled then, which is far less than all."""
        self.pip("install", "--quiet", "--no-compile", *arguments)

    def __call__(self, command: str, *arguments: str, cwd: Path, code: int = 0) -> str:
        """Run one of its commands."""
        return run(self.folder / "bin" / command, *arguments, cwd=cwd, code=code)


def environment(folder: Path, python: Path = BASE) -> Environment:
    """Make one of a Python."""
    run(python, "-m", "venv", "--without-pip", folder)
    return Environment(folder)


def newest() -> Path | None:
    """Return the newest released Python here that is newer than the one that runs this, or None."""
    found = {version: path for path in _pythons() if (version := _version(path)) > sys.version_info[:2]}
    return found[max(found)] if found else None


def _pythons() -> Iterator[Path]:
    folders: Sequence[Path] = [Path(part) for part in os.environ["PATH"].split(os.pathsep)]
    for folder in (*folders, *(user() / ".pyenv/versions").glob("*/bin")):
        yield from (path for minor in range(11, 20) if (path := folder / f"python3.{minor}").is_file())


def _version(python: Path) -> tuple[int, ...]:
    """Return its version; () for what is named so and does not run, such as a shim without its Python."""
    done = subprocess.run([str(python), "-c", _VERSION], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split()))
