"""Load the settings of a project with its own Python, in a scratch copy, and prove the changed project there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ...decisions.release.answers import json_object
from ...decisions.setup import blocks
from ...decisions.setup.extras import advice, advice_for_drop_ins, lacks_whitenoise
from ...decisions.setup.facts import DRIVERS, MARK, Facts, debug_variables, end_of_traceback, of_ours, read_facts
from ...decisions.setup.host_files import site_of, value_in
from ...decisions.setup.layout import Layout
from ...decisions.setup.python_path import NAME, PythonPath, python_path
from ...decisions.setup.source import VARIABLE
from ...errors import DeployError, SettingsError
from ...hosts.shell.installation import with_extra
from ...hosts.shell.remote_scripts import program_of
from ...hosts.shell.scripts.environment import file_of
from .repository import Python, Repository, copy, find_python, importable, tool_of
from .writing import place

_PROVEN = "ramped-proof:"


@dataclass
class Scratch:
    """A copy of a project without our blocks, and the Python that can load its settings, if there is one."""

    repository: Repository
    layout: Layout
    python: Python | None
    failure: str = ""
    path: PythonPath = PythonPath()
    given: tuple[str, ...] = ()  # variables of the environment file, which hosts need as well
    off: str = ""  # the variable that turns DEBUG off, where the settings load with it on, too

    def facts(self) -> Facts | None:
        """Return what the settings say; None where they cannot be loaded, when `failure` says why. Raises DeployError."""
        if self.python is None:
            self.failure = "no Python here can import Django: install the requirements into .venv"
            return None
        facts, failure, ours = self._probe()
        if facts is None or facts.debug:
            developed = facts is not None
            facts = self._for_visitors() or facts
            self.off = facts.debug_variable if facts and developed else ""
        if facts is None and ours:
            raise DeployError(f"A fault of ramped itself, not of the project; nothing was written. Report it: {failure}")
        if facts is None:
            described = self.repository.text("pyproject.toml") or ""
            mended = advice(failure, described, partial(with_extra, tool_of(self.repository), self._has_pip()))
            self.failure = f"{self.layout.settings} cannot be loaded by {self.python.program}: {failure}{mended}"
        return facts

    def _has_pip(self) -> bool:
        assert self.python
        return bool(importable(self.python.program, ["pip"]))

    def _probe(self) -> tuple[Facts | None, str, bool]:
        printed, failure, ours = self._shell(program_of(__package__, "probe", MARK))
        return read_facts(printed), failure, ours

    def _for_visitors(self) -> Facts | None:
        """Return the facts with DEBUG off; None where no variable turns it off. Other settings may follow from it."""
        assert self.python
        folder = str(Path(self.layout.settings_file).parent)
        beside = [name for name in self.repository.names if name.endswith(".py") and str(Path(name).parent) == folder]
        for name in debug_variables(self.repository.texts(beside).values()):
            if name in self.python.environment or name in self.python.placeholders:
                continue
            self.python.placeholders[name] = "False"
            without, _, _ = self._probe()
            if without and not without.debug:
                return replace(without, debug_variable=name)
            del self.python.placeholders[name]
        return None

    def _of_developers(self) -> str:
        """Return why the settings do not load any more with DEBUG on, as developers have it; "" where they do."""
        assert self.python
        if not self.off:
            return ""
        given = self.python.placeholders.pop(self.off)
        failure = self._probe()[1]
        self.python.placeholders[self.off] = given
        return failure

    def prove(self, texts: Mapping[str, str], host: str, *, ask: bool) -> Proof:
        """Return the proof of the project with other texts; `ask`: with its first page. Raises DeployError for our faults."""
        if self.python is None:
            return Proof(skipped=self.failure)
        for name, text in texts.items():
            target = place(self.repository.top, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
        if broken := self._of_developers():
            return Proof(broken=f"{broken} (with DEBUG on, as on a developer's machine)")
        printed, failure, ours = self._shell(program_of(__package__, "proof", _PROVEN, str(self.repository.top), host, ask))
        if lacks_whitenoise(failure):
            failure += advice_for_drop_ins(tool_of(self.repository), str(self.python.program), self._has_pip())
        lines = [line for line in printed.split("\n") if line.startswith(_PROVEN)]
        answer = json_object(lines[-1].removeprefix(_PROVEN)) if lines else None
        if ours:
            raise DeployError(f"A fault of ramped itself, not of the project; nothing was written. Report it: {failure}")
        if answer is None:
            return Proof(broken=failure or "no answer")
        # What ended the program in the middle is the project's own: its settings were loaded.
        return Proof(answer["proven"], failed=[*answer["failed"], *([failure] if failure else [])])

    def _shell(self, script: str) -> tuple[str, str, bool]:
        """Return what a program printed, the end of what it said where it failed, and whether that is a fault of ours."""
        assert self.python
        done = self.python.shell(self.repository.top, self.layout.manage, self.layout.settings, script)
        if not done.returncode:
            return done.stdout, "", False
        said = done.stderr or done.stdout
        return done.stdout, end_of_traceback(said), of_ours(said, str(self.repository.top / self.layout.folder))


@dataclass
class Proof:
    """What was proven; `failed`: what the project itself does wrong; `broken`: the changed project does not load at all.

    `unbuilt`: what failed as long as the project's build has not run.
    """

    proven: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unbuilt: list[str] = field(default_factory=list)
    broken: str = ""
    skipped: str = ""


def scratch(found: Repository, layout: Layout, folder: Path, python: str | None, variables: Mapping[str, str]) -> Scratch:
    """Copy a project into a folder, without our blocks.

    Args: python: the project's own, where it is given. variables: of an environment file, for it. Raises SettingsError.
    """
    copied = copy(found, folder / found.top.name)
    for name, text in copied.texts(copied.names).items():
        if blocks.found(text) is not None:
            place(copied.top, name).write_bytes(blocks.without(text).encode())
    program = find_python(found.top, python)
    own = {name: value for name, value in os.environ.items() if name != VARIABLE}
    directory = value_in(found.text("fabric.yaml"), "app", "directory") or f"/srv/{site_of(found.top.name)}/app"
    path = python_path(variables.get(NAME, ""), str(directory), layout.source)
    # The real site's own code is none of this checkout.
    moved = {NAME: os.pathsep.join(str(copied.top / name) for name in path.folders)} if NAME in variables else {}
    tried = Python(program, {**own, **variables, **moved}, importable(program, DRIVERS)) if program else None
    # The unit itself names the settings.
    return Scratch(copied, layout, tried, path=path, given=tuple(name for name in variables if name != VARIABLE))


def variables_of(file: str | None) -> Mapping[str, str]:
    """Return the variables of an environment file, if one is given; raises SettingsError."""
    if file is None:
        return {}
    try:
        return file_of(file, False)
    except OSError as error:
        raise SettingsError(f"--environment-file: {error.filename}: {error.strerror}") from None
