"""The levels of settings: each flattened to dotted paths, then merged and checked, with all errors at once."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .environment import INVOKES_OWN, bare, nearest, variable_of
from .kinds import Wrong, describe
from .renamed import RENAMED
from .rules import contradictions, derive
from .schema import Field, schema, sections, variables


@dataclass(frozen=True)
class Found:
    """A raw value and its origin."""

    value: object
    origin: str  # "fabric.yaml:12", or the name of a variable
    folder: str  # that a relative path starts from


@dataclass(frozen=True)
class Layer:
    """One level: its values by dotted path, its errors and its warnings."""

    leaves: Mapping[str, Found]
    errors: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Source:
    """A parsed settings file: its name for errors, its folder, and the line of each dotted path."""

    document: object
    name: str
    folder: str
    lines: Mapping[str, int]
    strict: bool = True  # unknown sections are errors; not in a file of other projects too

    def at(self, path: str) -> str:
        """Return file and line of the path."""
        return f"{self.name}:{self.lines[path]}" if path in self.lines else self.name


def of_file(source: Source) -> Layer:
    """Flatten a file; every unknown key is an error, every old name a warning."""
    if source.document is None:
        return Layer({})
    if not isinstance(source.document, Mapping):
        return Layer({}, [f"{source.name}: found {describe(source.document)}; allowed: sections such as aws: and app:"])
    leaves: dict[str, Found] = {}
    errors: list[str] = []
    for key, value in source.document.items():
        for path, leaf in _leaves(str(key), value):
            error = _error(path, leaf, strict=source.strict)
            if error:
                errors.append(f"{source.at(path)}: {path}: {error}")
            elif path in schema() or path in RENAMED:
                leaves[path] = Found(leaf, source.at(path), source.folder)
    return _layer(leaves, errors)


def of_environment(environment: Mapping[str, str], folder: str) -> Layer:
    """Read the variables INVOKE_… and FABRIC_…, which both commands treat alike."""
    leaves: dict[str, Found] = {}
    errors: list[str] = []
    for name, text in sorted(environment.items()):
        path = variables().get(bare(name))
        if path is None:
            near = nearest(bare(name), map(variable_of, schema()))
            guess = f"; did you mean {name.removesuffix(bare(name))}{near}?" if near else ""
            errors.append(f"{name}: unknown variable{guess}")
            continue
        value = schema()[RENAMED.get(path, path)].of_text(text)
        if path in leaves and leaves[path].value != value:
            errors.append(f"{name}: {path}: found '{text}', but {leaves[path].origin} is different; allowed: one of the two")
        leaves[path] = Found(value, name, folder)
    return _layer(leaves, errors)


def _layer(values: Mapping[str, Found], errors: Sequence[str]) -> Layer:
    """Move the values of old names to the new ones."""
    leaves = {path: found for path, found in values.items() if path not in RENAMED}
    clashes, warnings = [], []
    for old, found in values.items():
        new = RENAMED.get(old)
        if new is None:
            continue
        warnings.append(f"{found.origin}: {old} is now called {new}; the old name still works")
        if new in values:
            clashes.append(f"{found.origin}: {old}: the old name of {new}, which {values[new].origin} sets; allowed: {new} alone")
        leaves[new] = found
    return Layer(leaves, [*errors, *clashes], warnings)


def merge(layers: Iterable[Layer]) -> dict[str, Found]:
    """Merge the levels, later ones overriding; tags are merged by key, as Invoke merges sections."""
    merged: dict[str, Found] = {}
    for layer in layers:
        for path, found in layer.leaves.items():
            before = merged.get(path)
            if before is not None and isinstance(before.value, Mapping) and isinstance(found.value, Mapping):
                found = Found({**before.value, **found.value}, found.origin, found.folder)
            merged[path] = found
    return merged


def check(leaves: Mapping[str, Found], name: str) -> tuple[dict[str, Any], list[str]]:
    """Read every value according to its kind.

    `name`: the file to name in errors for missing values. Returns the values by path, and all errors.
    """
    values: dict[str, Any] = {}
    errors: list[str] = []
    for path, field in schema().items():
        try:
            values[path] = field.read(leaves[path].value) if path in leaves else _default(field)
        except Wrong as wrong:
            found = f"found {describe(leaves[path].value)}" if path in leaves else "missing"
            where = leaves[path].origin if path in leaves else name
            errors.append(f"{where}: {path}: {found}; allowed: {field.allowed}{f' ({wrong})' if str(wrong) else ''}")
    values = derive(values)
    for path, sentence in contradictions(values):
        errors.append(f"{leaves[path].origin if path in leaves else name}: {path}: {sentence}")
    return values, errors


def _default(field: Field) -> Any:
    if field.required:
        raise Wrong
    return field.default


def _leaves(key: str, value: object) -> Iterator[tuple[str, object]]:
    if key not in sections() or (value is not None and not isinstance(value, Mapping)):
        yield key, value
    elif isinstance(value, Mapping):
        yield from ((f"{key}.{name}", leaf) for name, leaf in value.items())


def _error(path: str, value: object, *, strict: bool) -> str:
    if path in schema() or path in RENAMED:
        return ""
    if path in sections():
        return f"found {describe(value)}; allowed: a section of {_names(path)}"
    if path in INVOKES_OWN:
        wanted = "a section" if INVOKES_OWN[path] else "a single value"
        fits = value is None or isinstance(value, Mapping) == INVOKES_OWN[path]
        return "" if fits else f"found {describe(value)}; allowed: {wanted}, this being a key of Invoke or Fabric"
    return _unknown(path) if strict or "." in path else ""


def _unknown(path: str) -> str:
    section, dot, key = path.rpartition(".")
    here = _names(section).split(", ") if dot else [*sections(), "groups"]
    near = difflib.get_close_matches(key, here, 1)
    elsewhere = [other for other in schema() if other.rpartition(".")[2] == key]
    guess = f"{section}{dot}{near[0]}" if near else elsewhere[0] if elsewhere else ""
    return f"unknown key{f'; did you mean {guess}?' if guess else ''}; allowed: {', '.join(here)}"


def _names(section: str) -> str:
    return ", ".join(path.partition(".")[2] for path in schema() if path.startswith(f"{section}."))
