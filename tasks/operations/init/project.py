"""What is known of a project, and what it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...decisions.setup.facts import Facts
from ...decisions.setup.host_files import Names
from ...decisions.setup.layout import Layout
from ...decisions.setup.python_path import PythonPath
from .repository import Repository
from .writing import File

BASE = ".ramped/base"  # what `init` wrote last, from which it knows what was changed by hand


def record_of(name: str, kind: str = "base") -> str:
    """Return where it is recorded what `init` wrote last into a file; `kind`: base, or block."""
    return f"{BASE}/{name}.{kind}"


@dataclass
class Wanted:
    """Texts by name of file: whole files, and blocks; `left`: what is left to do; `built`: whether files are built first."""

    files: dict[str, File] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    built: bool = False


@dataclass(frozen=True)
class Project:
    """What is known about a project; `facts`: None where its settings could not be loaded."""

    repository: Repository
    scratch: Path  # the copy in which the facts were found
    layout: Layout
    facts: Facts | None
    names: Names
    placeholders: Mapping[str, str]  # for variables that the settings need
    leave: tuple[str, ...] = ()  # static files whose broken references stay as they are
    path: PythonPath = PythonPath()
