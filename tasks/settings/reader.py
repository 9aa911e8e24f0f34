"""Settings files as they lie on the disk, read with the line of every key; a broken one is one line with line and column."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import SettingsError
from .layers import Source

TYPES = (".yaml", ".yml", ".json")


def read(path: Path, name: str, *, strict: bool = True) -> Source:
    """Read a file.

    `name`: what errors call it; `strict`: whether unknown sections are errors. Raises SettingsError.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {error.strerror}") from error
    document, lines = _json(text, name) if path.suffix == ".json" else _yaml(text, name)
    return Source(document, name, str(path.absolute().parent), lines, strict)


def read_given(given: str) -> Source:
    """Read the file that `-f` gives, which Invoke passes over in silence when it is missing.

    Raises SettingsError.
    """
    path = expand(given)
    if path.suffix not in TYPES:
        raise SettingsError(f"-f {given}: found a file of type '{path.suffix}'; allowed: {', '.join(TYPES)}")
    if not path.exists():
        raise SettingsError(f"-f {given}: no such file; allowed: a settings file that exists")
    return read(path, given)


def expand(text: str) -> Path:
    """Return the path with ~ in its beginning replaced; a user who does not exist is left as he stands."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


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
        path, line = f"{prefix}{key.value}", key.start_mark.line + 1
        # YAML forbids a key twice in one section; PyYAML lets the last one win in silence.
        if path in seen and key.tag != "tag:yaml.org,2002:merge":
            raise yaml.constructor.ConstructorError(None, None, f"{path} stands in line {seen[path]} already", key.start_mark)
        seen[path] = line
        yield path, line
        if prefix.count(".") < 2:
            yield from _lines(value, f"{path}.")


def _json(text: bytes, name: str) -> tuple[object, dict[str, int]]:
    try:
        return json.loads(text), {}
    except json.JSONDecodeError as error:
        raise SettingsError(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: not JSON: {error.reason}") from error
