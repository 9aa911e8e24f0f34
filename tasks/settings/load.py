"""`fabric.yaml`: found, merged with Invoke's other levels, and turned into Settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from .environment import INVOKES_OWN
from .layers import Found, Source, check, merge, of_environment, of_file
from .reader import TYPES, expand, read, read_option
from .schema import build

if TYPE_CHECKING:
    from .model import Settings

NAME = "fabric.yaml"


@dataclass(frozen=True)
class Loaded:
    """The settings, the keys of Invoke itself, and warnings."""

    settings: Settings
    invoke: dict[str, Any]
    warnings: list[str]


def load(start: Path, option: str | None, environment: Mapping[str, str]) -> Loaded:
    """Read and check the settings.

    `start`: the folder where the search for `fabric.yaml` begins, upwards; `option`: the file of `-f`; `environment`: our
    variables. The levels as in Invoke's documentation, "Configuration": system, user, project, environment, `-f`.
    Raises SettingsError with all errors, a line each.
    """
    project = find(start)
    if project is None and option is None:
        raise SettingsError(f"{_missing(start)}: copy settings_snippets/{NAME} to the folder of fabfile.py and fill it in")
    files = list(_files(project))
    layers = [*map(of_file, files), of_environment(environment, str(start)), *([of_file(read_option(option))] if option else [])]
    leaves = merge(layers)
    values, wrong = check(leaves, _shown(project) if project else str(option))
    _place_hooks(values, leaves)
    invoke = _invokes_own(files[-1]) if project else {}
    errors = [*(error for layer in layers for error in layer.errors), *wrong, *_place_paths(values, leaves)]
    if errors or (errors := _unmergeable(invoke)):
        raise SettingsError("\n".join(dict.fromkeys(errors)))
    return Loaded(build(values), invoke, [line for layer in layers for line in layer.warnings])


def find(start: Path) -> Path | None:
    """Return the nearest `fabric.yaml`, in the folder or above it."""
    return next((folder / NAME for folder in (start, *start.parents) if (folder / NAME).is_file()), None)


def complaints(argv: Sequence[str], environ: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Return the errors in the settings after Invoke itself crashed on a file, or None.

    `argv`: the arguments; `environ`: may contain the path of `-f` too; `environment`: our variables.
    """
    option = environ.get("INVOKE_RUNTIME_CONFIG")
    for number, word in enumerate(argv):
        if word in ("-f", "--config"):
            option = next(iter(argv[number + 1 :]), None)
        elif word.startswith(("-f", "--config=")):
            option = word.removeprefix("-f").removeprefix("--config").removeprefix("=")
    try:
        load(Path.cwd(), option, environment)
    except SettingsError as error:
        return str(error)
    return None


def _files(project: Path | None) -> Iterator[Source]:
    # `fab` reads fabric.* and `invoke` reads invoke.*: for the same settings under both, both are read, the project's last.
    for base in ("/etc/", f"{expand('~')}/.", *([f"{project.parent}/"] if project else [])):
        for stem in ("invoke", "fabric"):
            path = next((path for path in (Path(f"{base}{stem}{suffix}") for suffix in TYPES) if path.is_file()), None)
            if path is not None:
                yield read(path, _shown(path), strict=path == project)


def _invokes_own(source: Source) -> dict[str, Any]:
    document = source.document if isinstance(source.document, Mapping) else {}
    return {key: value for key, value in document.items() if key in INVOKES_OWN}


def _place_paths(values: dict[str, Any], leaves: Mapping[str, Found]) -> Iterator[str]:
    for path in (
        "ssh.key",
        "ssh.known_hosts",
        "ssh.host_ca",
        "maintenance.page",
        "maintenance.bypass_secret",
        "notices.webhooks",
    ):
        if values.get(path) is None:
            continue
        values[path] = str(Path(leaves[path].folder, expand(values[path])))
        if not Path(values[path]).is_file():
            yield f"{leaves[path].origin}: {path}: found '{values[path]}'; allowed: a file that exists, or null"


def _place_hooks(values: dict[str, Any], leaves: Mapping[str, Found]) -> None:
    """Let each hook run in the folder of the file that names it."""
    for path in ("hooks.before", "hooks.after", "hooks.failed"):
        if path in leaves and path in values:
            folder = leaves[path].folder
            values[path] = {name: tuple(replace(hook, folder=folder) for hook in hooks) for name, hooks in values[path].items()}


def _unmergeable(invoke: Mapping[str, Any]) -> list[str]:
    from invoke.config import Config, merge_dicts

    try:
        merge_dicts(Config.global_defaults(), dict(invoke))
    except ValueError as error:
        return [f"{NAME}: a key of Invoke or Fabric itself: {error}"]
    return []


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _missing(start: Path) -> str:
    near = next((path for path in (start / "fabric.yml", start / "fabric.json") if path.is_file()), None)
    return f"no {NAME} in {start} or above it" + (f" (there is {near.name}; the name must be {NAME})" if near else "")
