"""The Python that a site wants, and a virtual environment of it with the site's requirements."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..sandbox import Refusal
from .commands import run

# How pip says that a package wants another Python.
_TOO_OLD = re.compile(r"requires a different Python|Requires-Python|No matching distribution found for [Dd]jango")
# For sh a command, for Python a text.
_BESIDE = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"
' '''
"""
_VERSION = "import sys; print(*sys.version_info[:2])"


def choose(tree: Path, before: Path | None = None) -> list[Path]:
    """Return the Pythons here that may run a project, the best first: the version that it names, this one, newer ones.

    `before`: that of its old release's environment, which is better than this one: what that refused would be tried once more.
    """
    wanted, served = _wanted(tree), _version(before) if before else None
    found = {version: path for path in _pythons() if (version := _version(path)) is not None}
    order = sorted(found, key=lambda version: (version != wanted, version != served, version < sys.version_info[:2], version))
    if not order:
        raise Refusal("there is no Python here that runs")
    return [found[version] for version in order]


def environment(folder: Path, tree: Path, pythons: Sequence[Path], install: Sequence[str], say: Callable[[str], None]) -> None:
    """Make a virtual environment with the requirements of a tree, by the first Python that they allow.

    `install`: the commands that install the site; none: what pyproject.toml names. Raises Refusal.
    """
    for number, python in enumerate(pythons):
        run(python, "-m", "venv", "--clear", folder, cwd=tree)
        try:
            _install(folder, tree, install)
        except Refusal as error:
            if number + 1 < len(pythons) and _TOO_OLD.search(str(error)):
                say(f"the requirements want another Python than {python}")
                continue
            raise
        complete(folder, tree, ["whitenoise"], say)
        return
    raise Refusal("no Python here suits the requirements")


def complete(folder: Path, tree: Path, names: Sequence[str], say: Callable[[str], None]) -> None:
    """Add packages to an environment where the site's requirements lack them; raises Refusal."""
    missing = [name for name in names if not _has(folder, name)]
    if missing:
        say(f"the site's requirements lack {' and '.join(missing)}: added for the rehearsal")
        pip(folder, tree, *missing)


def _install(folder: Path, tree: Path, commands: Sequence[str]) -> None:
    path = f"{folder}/bin{os.pathsep}{os.environ['PATH']}"
    # A cache that machines can have, too.
    cache = {"UV_CACHE_DIR": str(folder.parent / "packages/uv")} if (folder.parent / "packages").is_dir() else {}
    environment = {**os.environ, "VIRTUAL_ENV": str(folder), "UV_PROJECT_ENVIRONMENT": str(folder), "PATH": path, **cache}
    for command in commands:
        run("sh", "-c", command, cwd=tree, env=environment, what=command.splitlines()[0])
    if commands:
        return
    declared = [str(name) for name in _pyproject(tree).get("dependencies", [])]
    if not declared:
        raise Refusal(f"{tree.name}: there is no requirements file, and pyproject.toml names no dependencies")
    pip(folder, tree, *declared)


def relocate(folder: Path) -> None:
    """Let the programs of an environment find its Python beside them, wherever it is moved or copied.

    pip has written its absolute path into their first line. Source: how `uv venv --relocatable` does it.
    """
    for program in (folder / "bin").iterdir():
        if program.is_symlink() or not program.is_file():
            continue
        first, newline, rest = program.read_bytes().partition(b"\n")
        if re.fullmatch(rb"#!.*/bin/python[\d.]*", first) and newline:
            program.write_bytes(_BESIDE + rest)


def pip(folder: Path, tree: Path, *arguments: str) -> None:
    """Install into an environment; raises Refusal."""
    command = (folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input")
    run(*command, *arguments, cwd=tree, what="pip install")


def _has(folder: Path, name: str) -> bool:
    done = subprocess.run([folder / "bin/python", "-c", f"import {name}"], capture_output=True, check=False)
    return done.returncode == 0


def _pyproject(tree: Path) -> dict[str, Any]:
    try:
        project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (FileNotFoundError, tomllib.TOMLDecodeError):
        return {}
    return project if isinstance(project, dict) else {}


def _wanted(tree: Path) -> tuple[int, ...] | None:
    """Return the version that .python-version, runtime.txt or requires-python names."""
    for name in (".python-version", "runtime.txt"):
        if (tree / name).is_file() and (found := re.search(r"(\d+)\.(\d+)", (tree / name).read_text())):
            return int(found[1]), int(found[2])
    found = re.search(r"(\d+)\.(\d+)", str(_pyproject(tree).get("requires-python", "")))
    at_least = (int(found[1]), int(found[2])) if found else None
    return at_least if at_least and at_least > sys.version_info[:2] else None


def _pythons() -> Iterator[Path]:
    folders = [Path(sys.base_prefix) / "bin", *(Path(part) for part in os.environ["PATH"].split(os.pathsep) if part)]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    # The last one of a version wins: that which runs this first of all.
    for folder in reversed(folders):
        yield from (path for minor in range(9, 20) if (path := folder / f"python3.{minor}").is_file())


def _version(python: Path) -> tuple[int, ...] | None:
    """Return its version; None for what is named so and does not run, such as a shim without its Python."""
    done = subprocess.run([str(python), "-c", _VERSION], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 and done.stdout.strip() else None


def version(python: Path) -> str:
    """Return the version of a Python, such as 3.12."""
    return ".".join(map(str, _version(python) or ()))
