"""The repository that `init` looks at: its files, a scratch copy of it, and the project's own Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...decisions.setup import texts
from ...decisions.setup.facts import missing_variable, placeholder
from ...errors import SettingsError
from ...hosts.shell.scripts.dependencies import known

_LARGE = 1024**2  # bytes; larger ignored files are databases and archives, not settings
_PATIENCE = 600.0  # seconds for a command of the project
_OF_A_HOOK = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE", "GIT_NAMESPACE"),
}
_VARIABLES = 40  # placeholders, at most


@dataclass(frozen=True)
class Repository:
    """A folder with a project; `names`: its files, those that git ignores left out."""

    top: Path
    names: tuple[str, ...]

    def text(self, name: str) -> str | None:
        """Return the text of a file; None where there is none, or where it is no text."""
        try:
            # Its line ends stay what they are.
            return (self.top / name).read_bytes().decode("utf-8")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, UnicodeDecodeError):
            return None

    def own(self, name: str) -> str | None:
        """Return the text of a file that may be changed; None where there is none. Raises SettingsError where it is no text."""
        text = self.text(name)
        if text is None and (self.top / name).exists():
            raise SettingsError(f"{name}: is no file in UTF-8: convert or rename it")
        return text

    def texts(self, names: Sequence[str]) -> dict[str, str]:
        """Return the texts of files."""
        return {name: text for name in names if (text := self.text(name)) is not None}

    def branch(self) -> str:
        """Return the branch that is deployed: origin's, or the one that is checked out."""
        head = git(self.top, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").stdout.strip().removeprefix("origin/")
        return head or git(self.top, "symbolic-ref", "--short", "HEAD").stdout.strip() or "main"


def repository(folder: Path) -> Repository:
    """Return the repository of a folder: the whole of a git repository, or the folder itself."""
    asked = git(folder, "rev-parse", "--show-toplevel")
    shown = asked.stdout.strip()
    if not shown:
        if any((path / ".git").exists() for path in (folder, *folder.parents)):
            # Such as a folder of another user; without git its files would be guessed.
            raise SettingsError(f"{folder}: {asked.stderr.strip()}")
        names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and ".venv" not in path.parts)
        return Repository(folder, tuple(sorted(map(str, names))))
    listed = git(Path(shown), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate").stdout
    return Repository(Path(shown), tuple(name for name in listed.split("\0") if name and (Path(shown) / name).is_file()))


def copy(repository: Repository, target: Path) -> Repository:
    """Copy the files of a repository, and small ignored ones beside them, which hold the settings of this machine."""
    ignored = git(repository.top, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory").stdout
    small = [name for name in ignored.split("\0") if name and not name.endswith("/") and _is_small(repository.top / name)]
    for name in (*repository.names, *small):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository.top / name, target / name, follow_symlinks=False)
        if not (target / name).is_symlink():
            (target / name).chmod((target / name).stat().st_mode | 0o200)
    return Repository(target, repository.names)


def _is_small(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGE


@dataclass
class Python:
    """The project's own Python; `placeholders`: variables that the settings need and this machine lacks."""

    program: Path
    environment: Mapping[str, str]
    drivers: frozenset[str] = frozenset()  # of databases
    placeholders: dict[str, str] = field(default_factory=dict)

    def shell(self, top: Path, manage: str, settings: str, script: str) -> subprocess.CompletedProcess[str]:
        """Run a program in `manage.py shell`, again with a placeholder for each variable that the settings miss."""
        while True:
            done = self._run(top / manage, settings, script)
            missing = missing_variable(done.stderr) if done.returncode else None
            if missing is None or missing in self.placeholders or len(self.placeholders) >= _VARIABLES:
                return done
            self.placeholders[missing] = placeholder(missing, self.drivers)

    def _run(self, manage: Path, settings: str, script: str) -> subprocess.CompletedProcess[str]:
        given = {"DJANGO_SETTINGS_MODULE": settings, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
        try:
            return subprocess.run(
                [str(self.program), manage.name, "shell", "-v", "0", "-c", script],
                cwd=manage.parent,
                env={**self.environment, **self.placeholders, **given},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SettingsError(f"{self.program} {manage}: no answer within {_PATIENCE:.0f} s") from None


def find_python(top: Path, given: str | None) -> Path | None:
    """Return the first Python that has Django: the given one, the active environment's, one in the repository, this one.

    Raises SettingsError where the given one has none.
    """
    if given:
        program = Path(given).expanduser().absolute()
        if not _has_django(program):
            raise SettingsError(f"--python: {program} is no Python that can import Django")
        return program
    return next((program for program in _pythons(top) if _has_django(program)), None)


def _pythons(top: Path) -> Iterator[Path]:
    active = os.environ.get("VIRTUAL_ENV")
    folders = [Path(active)] if active else []
    for name in (".venv", "venv", "env"):
        folders += [top / name, top.parent / name]
    yield from (folder / "bin/python" for folder in folders)
    yield Path(sys.executable)


def _has_django(program: Path) -> bool:
    if not program.is_file():
        return False
    done = subprocess.run(
        [str(program), "-c", "import django; print(django.VERSION)"], capture_output=True, text=True, check=False
    )
    return done.stdout.startswith("(")


def importable(program: Path, modules: Iterable[str]) -> frozenset[str]:
    """Return those of some modules that a Python can import."""
    script = f"from importlib.util import find_spec; print(*filter(find_spec, {tuple(modules)!r}))"
    done = subprocess.run([str(program), "-c", script], capture_output=True, text=True, check=False)
    return frozenset(done.stdout.split()) if done.returncode == 0 else frozenset()


def elsewhere(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables by which git would act on the repository of a hook that runs us (git(1))."""
    return {name: value for name, value in environment.items() if name not in _OF_A_HOOK}


def git(folder: Path, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run git in a folder, with `given` as its standard input; raises SettingsError where there is no git."""
    try:
        return subprocess.run(
            ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments],
            env=elsewhere(os.environ),
            input=given,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError:
        raise SettingsError("init needs git: install it") from None


def tool_of(repository: Repository) -> str:
    """Return the tool that installs a project where fabric.yaml says nothing of it."""
    files = texts.requirements_files(repository.names) or ["requirements.txt"]
    return str(known(files, [], str(repository.top))["tool"])
