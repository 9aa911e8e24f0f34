"""The preparation of `rehearse --project`: two releases of a repository of one's own, each as `init` would set it up."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ..decisions.setup.texts import requirements_files
from ..errors import DeployError, Refused, SettingsError
from .init import Options, init
from .init.repository import repository


@dataclass(frozen=True)
class Subject:
    """What is rehearsed: a repository, its revisions (None: the last two releases), variables that its settings need."""

    project: str
    old: str | None = None
    new: str | None = None
    environment_file: str | None = None
    settings: str | None = None
    manage: str | None = None


def prepare(module: str, subject: Subject) -> Path:
    """Return the folder with the prepared releases; `module`: the rehearsal's package. Raises SettingsError, DeployError."""
    folder = Path(subject.project).expanduser().resolve()
    if not folder.is_dir():
        raise SettingsError(f"--project: {folder} is no folder")
    preparing, sandbox = import_module(f"{module}.foreign.prepare"), import_module(f"{module}.sandbox")
    file = Path(subject.environment_file).expanduser().absolute() if subject.environment_file else None
    wanted = preparing.Wanted(folder, subject.old, subject.new, file)

    def set_up(tree: Path, python: Path) -> list[str]:
        options = Options(True, False, str(python), subject.manage, subject.settings, str(file) if file else None)
        return _set_up(tree, options)

    tools = preparing.Tools(set_up, lambda tree: requirements_files(repository(tree).names))
    try:
        made: Path = preparing.prepare(wanted, tools, lambda line: print(f"rehearsal: {line}", flush=True))
    except sandbox.Refusal as error:
        raise DeployError(f"rehearsal: {error}") from None
    return made


def _set_up(tree: Path, options: Options) -> list[str]:
    """Run `init` in a tree and return what it found the project to do wrong."""
    said = io.StringIO()
    failed = ""
    with contextlib.redirect_stdout(said):
        try:
            init(tree, options)
        except (Refused, SettingsError):
            raise
        except DeployError as error:
            failed = str(error)
    if not (tree / ".ramped/project.json").exists():
        raise Refused(
            next((line for line in said.getvalue().splitlines() if line.startswith("not proven")), failed or "no project")
        )
    return [line.strip() for line in failed.splitlines()[1:]]
