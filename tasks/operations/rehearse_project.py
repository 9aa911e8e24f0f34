"""The preparation of `rehearse --project`: two releases of a repository of one's own, each as `init` would set it up."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from ..decisions.release.dependencies import read_dependencies
from ..decisions.setup.python_path import LEFT_OUT
from ..decisions.setup.texts import requirements_files
from ..errors import DeployError, Refused, SettingsError
from ..hosts.shell.commands import INSTALLED
from ..hosts.shell.installation import building, installation
from ..hosts.shell.remote_scripts import program
from ..hosts.shell.scripts.dependencies import DESCRIBED, LOCKS, known, npm
from .init import UNBUILT, Options, init
from .init.looking import variables_of
from .init.repository import repository
from .init.requirements import install_commands

_USUAL = ("requirements.txt",)  # the default of app.requirements


@dataclass(frozen=True)
class Subject:
    """What is rehearsed: a repository, its revisions (None: the last two releases), variables that its settings need."""

    project: str
    old: str | None = None
    new: str | None = None
    environment_file: str | None = None
    settings: str | None = None
    manage: str | None = None
    fill: tuple[str, ...] = ()  # commands that fill its database


def prepare(module: str, subject: Subject, *, machines: bool = False) -> Path:
    """Return the folder with the prepared releases. Raises SettingsError, DeployError.

    Args: module: the rehearsal's package. machines: the hosts have systemd, and no network to install from.
    """
    folder = Path(subject.project).expanduser().resolve()
    if not folder.is_dir():
        raise SettingsError(f"--project: {folder} is no folder")
    preparing, sandbox = import_module(f"{module}.foreign.prepare"), import_module(f"{module}.sandbox")
    file = Path(subject.environment_file).expanduser().absolute() if subject.environment_file else None
    environment = variables_of(str(file) if file else None)
    wanted = preparing.Wanted(folder, subject.old, subject.new, environment, subject.fill, machines)

    def set_up(tree: Path, python: Path) -> list[str]:
        options = Options(True, False, str(python), subject.manage, subject.settings, str(file) if file else None, False)
        return _set_up(tree, options)

    def install(tree: Path) -> list[str]:
        return _installing(tree, machines)

    tools = preparing.Tools(set_up, install, _same, _building, _record)
    try:
        made: Path = preparing.prepare(wanted, tools, lambda line: print(f"rehearsal: {line}", flush=True))
    except sandbox.Refusal as error:
        raise DeployError(f"rehearsal: {error}") from None
    return made


def _same(tree: Path) -> str:
    """Return a text that is the same for trees of which the same is installed; "" where that is not known."""
    commands, names = _wanted(tree)
    texts = repository(tree).texts([*names, *DESCRIBED, *LOCKS, ".python-version", "runtime.txt"])
    if commands or any(re.search(r"^\s*(-e\b|--editable|\.|file:)", text, re.MULTILINE) for text in texts.values()):
        return ""  # the code itself may be installed
    return json.dumps([known(names or list(_USUAL), commands, str(tree))["digest"], texts])


def _wanted(tree: Path) -> tuple[list[str], list[str]]:
    """Return the commands that install a tree, if fabric.yaml has some, and the names of its requirements files."""
    app = _app(tree)
    names, files = app.get("requirements"), repository(tree).names
    commands = [str(command) for command in app.get("install") or ()]
    if names is None:
        return commands or install_commands(files), requirements_files(files)
    return commands, [str(name) for name in names]


def _installing(tree: Path, machines: bool) -> list[str]:
    """Return the commands that install a tree, as `deploy` would: those of fabric.yaml, or what is known of it by its files.

    `machines`: it has to go without a network there. Raises Refused for what cannot.
    """
    commands, names = _wanted(tree)
    tool = known(names or list(_USUAL), commands, str(tree))["tool"]
    if commands or (tool == "pip" and not names):
        return commands
    if machines and tool in ("poetry", "pdm", "pipenv"):
        raise Refused(f"--hosts machines: {tool} installs this site, and machines have no network for it: use process hosts")
    return [installation(str(tool), names)] if tool else []


def _building(tree: Path) -> list[str]:
    """Return the commands that build a tree, as `deploy` would."""
    own = _app(tree).get("build")
    return list(building(npm(str(tree)))) if own is None else [str(command) for command in own]


def _record(tree: Path, venv: Path) -> None:
    """Record that an environment has what a tree needs: a release that needs the same installs nothing."""
    app = _app(tree)
    script = program("dependencies", list(app.get("requirements", _USUAL)), list(app.get("install") or ()))
    done = subprocess.run([venv / "bin/python", "-c", script], cwd=tree, capture_output=True, text=True, check=False)
    found = read_dependencies(done.stdout)
    if found is None:
        raise DeployError(
            f"rehearsal: {tree.name}: its requirements cannot be read: {done.stderr.strip() or done.stdout.strip()}"
        )
    (venv / INSTALLED).write_text(f"{found.digest}\n", encoding="utf-8")


def _app(tree: Path) -> Mapping[str, Any]:
    """Return the section `app` of a tree's fabric.yaml, if there is one; the rehearsal itself reads all of it later."""
    try:
        settings = yaml.safe_load((tree / "fabric.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{tree.name}/fabric.yaml: {' '.join(str(error).split())}") from None
    app = settings.get("app") if isinstance(settings, dict) else None
    return app if isinstance(app, dict) else {}


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
    for line in said.getvalue().splitlines():
        if line.strip().startswith(LEFT_OUT):
            print(f"rehearsal: {line.strip()}", flush=True)
    if not (tree / ".ramped/project.json").exists():
        raise Refused(
            next((line for line in said.getvalue().splitlines() if line.startswith("not proven")), failed or "no project")
        )
    waiting = [line.removeprefix(UNBUILT) for line in said.getvalue().splitlines() if line.startswith(UNBUILT)]
    return [*(line.strip() for line in failed.splitlines()[1:]), *waiting]
