"""Settings files, read with the line of every key; an invalid file is one error with line and column."""

from __future__ import annotations

import functools
import json
import re
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


def read_option(option: str) -> Source:
    """Read the file of `-f`, which Invoke ignores silently when it is missing.

    Raises SettingsError.
    """
    path = expand(option)
    if path.suffix not in TYPES:
        raise SettingsError(f"-f {option}: found a file of type '{path.suffix}'; allowed: {', '.join(TYPES)}")
    if not path.exists():
        raise SettingsError(f"-f {option}: no such file; allowed: a settings file that exists")
    return read(path, option)


def expand(text: str) -> Path:
    """Return the path with a leading ~ expanded; an unknown user's is unchanged."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _yaml(text: bytes, name: str) -> tuple[object, dict[str, int]]:
    import yaml

    try:
        loader = _loader()(text)
        node = loader.get_single_node()
        lines = dict(_lines(node, ""))
        return (None if node is None else loader.construct_document(node)), lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise SettingsError(f"{name}{place}: not YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{name}: not YAML: {' '.join(str(error).split())}") from error


@functools.cache
def _loader() -> Any:
    """Return a loader that takes only plain decimals for numbers.

    YAML 1.1 reads 022 as 18, 1:30 as 90 and 1_0 as 10, which is never intended: they stay text, and the schema refuses them.
    """
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """A loader with resolvers of its own."""

    number, fraction = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (number, fraction)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    digits = list("-+.0123456789")
    Loader.add_implicit_resolver(number, re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), digits)
    point = r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?$|[-+]?\.(?:inf|nan)$"
    Loader.add_implicit_resolver(fraction, re.compile(point), digits)
    return Loader


def _lines(node: Any, prefix: str) -> Iterator[tuple[str, int]]:
    import yaml

    seen: dict[str, int] = {}
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        path, line = f"{prefix}{key.value}", key.start_mark.line + 1
        # YAML forbids a key twice in one section; PyYAML silently takes the last.
        if path in seen and key.tag != "tag:yaml.org,2002:merge":
            raise yaml.constructor.ConstructorError(None, None, f"{path} is in line {seen[path]} already", key.start_mark)
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
