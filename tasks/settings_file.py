"""The one `fabric.yaml`: found, read with its levels as Invoke orders them, and turned into Settings."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .decisions.layers import Found, Layer, Source, check, merge, of_environment, of_file
from .decisions.schema import INVOKES_OWN, build
from .errors import SettingsError

if TYPE_CHECKING:
    from .config import Settings

NAME = "fabric.yaml"
_TYPES = (".yaml", ".yml", ".json")
_PATHS = ("ssh.key", "ssh.known_hosts")


@dataclass(frozen=True)
class Loaded:
    """The settings, and what the file says to Invoke itself."""

    settings: Settings
    invoke: dict[str, Any]


def load(start: Path, runtime: str | None, environment: Mapping[str, str]) -> Loaded:
    """Read and check the settings.

    `start`: the folder from which `fabric.yaml` is looked for upwards; `runtime`: the file given by `-f`; `environment`:
    our variables. The levels as in Invoke's documentation, "Configuration": system, user, project, environment, `-f`.
    Raises SettingsError with everything that is wrong, a line each.
    """
    project = find(start)
    if project is None and runtime is None:
        raise SettingsError(f"{_missing(start)}: copy settings_snippets/{NAME} to the folder of fabfile.py and fill it in")
    sources = list(_sources(project, runtime))
    layers = [of_file(source) for source in sources]
    below = len(layers) - (runtime is not None)
    layers.insert(below, of_environment(environment, str(start)))
    ours = next((source.document for source in sources if project is not None and source.name == _shown(project)), None)
    invoke = {key: value for key, value in ours.items() if key in INVOKES_OWN} if isinstance(ours, Mapping) else {}
    leaves = merge(layers)
    values, wrong = check(leaves, _shown(project) if project else str(runtime))
    errors = [*(error for layer in layers for error in layer.errors), *wrong, *_unmergeable(invoke, layers)]
    for path in _PATHS:
        if values.get(path) is not None:
            values[path] = str(_absolute(leaves[path], values[path]))
            if not Path(values[path]).is_file():
                errors.append(f"{leaves[path].origin}: {path}: found '{values[path]}'; allowed: a file that exists, or null")
    if errors:
        raise SettingsError("\n".join(dict.fromkeys(errors)))
    return Loaded(build(values), invoke)


def find(start: Path) -> Path | None:
    """Return the nearest `fabric.yaml`, in the folder or above it."""
    return next((folder / NAME for folder in (start, *start.parents) if (folder / NAME).is_file()), None)


def complaints(argv: Sequence[str], environ: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Tell what is wrong with the settings when Invoke itself has crashed on a file, or None.

    `argv`: the arguments; `environ`: where Invoke looks for the path of `-f` too; `environment`: our variables.
    """
    runtime = environ.get("INVOKE_RUNTIME_CONFIG")
    for number, word in enumerate(argv):
        if word in ("-f", "--config"):
            runtime = next(iter(argv[number + 1 :]), None)
        elif word.startswith("--config="):
            runtime = word.partition("=")[2]
        elif word.startswith("-f"):
            runtime = word[2:].removeprefix("=")
    try:
        load(Path.cwd(), runtime, environment)
    except SettingsError as error:
        return str(error)
    return None


def read(path: Path, name: str, *, strict: bool = True) -> Source:
    """Read a file.

    `name`: what errors call it. Raises SettingsError, with line and column where its text is broken.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}") from error
    document, lines = _json(text, name) if path.suffix == ".json" else _yaml(text, name)
    return Source(document, name, str(path.absolute().parent), lines, strict)


def _sources(project: Path | None, runtime: str | None) -> Iterator[Source]:
    bases = ["/etc/", str(Path("~").expanduser() / "."), *([f"{project.parent}/"] if project else [])]
    for base in bases:
        for stem in ("invoke", "fabric"):
            for path in (Path(f"{base}{stem}{suffix}") for suffix in _TYPES):
                if path == project:
                    yield read(path, _shown(path))
                    break
                if path.is_file():
                    yield read(path, _shown(path), strict=False)
                    break
    if runtime is not None:
        yield _runtime(runtime)


def _runtime(given: str) -> Source:
    path = Path(given).expanduser()
    if path.suffix not in _TYPES:
        raise SettingsError(f"-f {given}: found a file of type '{path.suffix}'; allowed: {', '.join(_TYPES)}")
    if not path.exists():
        raise SettingsError(f"-f {given}: no such file; allowed: a settings file that exists")
    return read(path, given)


def _yaml(text: bytes, name: str) -> tuple[object, dict[str, int]]:
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, ""))
        return (None if node is None else loader.construct_document(node)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise SettingsError(f"{name}{place}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{name}: not YAML: {' '.join(str(error).split())}") from error


def _lines(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    import yaml

    seen: dict[str, int] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        line = key.start_mark.line + 1
        # YAML forbids a key twice in one section, PyYAML lets the last one win in silence.
        if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
            first = f"{prefix}{key.value} stands in line {seen[key.value]} already"
            raise yaml.constructor.ConstructorError(None, None, first, key.start_mark)
        seen[str(key.value)] = line
        yield f"{prefix}{key.value}", line
        yield from _lines(value, f"{prefix}{key.value}.") if prefix.count(".") < 2 else ()


def _json(text: bytes, name: str) -> tuple[object, dict[str, int]]:
    try:
        return json.loads(text), {}
    except json.JSONDecodeError as error:
        raise SettingsError(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: not JSON: {error.reason}") from error


def _unmergeable(invoke: Mapping[str, Any], layers: Sequence[Layer]) -> list[str]:
    from invoke.config import Config, merge_dicts

    if any(layer.errors for layer in layers):
        return []
    try:
        merge_dicts(Config.global_defaults(), dict(invoke))
    except ValueError as error:
        return [f"{NAME}: a key of Invoke's own: {error}"]
    return []


def _absolute(found: Found, text: str) -> Path:
    return Path(found.folder, Path(text).expanduser())


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _missing(start: Path) -> str:
    near = next((path for path in (start / "fabric.yml", start / "fabric.json") if path.is_file()), None)
    return f"no {NAME} in {start} or above it" + (f" (there is {near.name}; the name must be {NAME})" if near else "")
