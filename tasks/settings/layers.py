"""The levels that settings come from, each flattened to dotted paths; merged, checked, and all that is wrong told at once."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .rules import contradictions, derive
from .schema import INVOKES_OWN, Field, schema, sections, variables
from .values import Wrong, describe


@dataclass(frozen=True)
class Found:
    """A value as it was given, and where."""

    value: object
    origin: str  # "fabric.yaml:12", or the name of a variable
    folder: str  # where a relative path begins


@dataclass(frozen=True)
class Layer:
    """One level: what it gives by dotted path, and what is wrong with it."""

    leaves: Mapping[str, Found]
    errors: Sequence[str] = ()


@dataclass(frozen=True)
class Source:
    """A settings file as it was read: its name for errors, its folder, and the line of each dotted path."""

    document: object
    name: str
    folder: str
    lines: Mapping[str, int]
    strict: bool = True  # unknown sections are errors; not in a file that serves other projects too

    def at(self, path: str) -> str:
        """Return where the path stands."""
        return f"{self.name}:{self.lines[path]}" if path in self.lines else self.name


def of_file(source: Source) -> Layer:
    """Flatten a file, naming every unknown key."""
    if source.document is None:
        return Layer({})
    if not isinstance(source.document, Mapping):
        return Layer({}, [f"{source.name}: found {describe(source.document)}; allowed: sections such as aws: and app:"])
    leaves: dict[str, Found] = {}
    errors: list[str] = []
    for key, value in source.document.items():
        for path, leaf in _leaves(str(key), value):
            complaint = _complaint(path, leaf, strict=source.strict)
            if complaint:
                errors.append(f"{source.at(path)}: {path}: {complaint}")
            elif path in schema():
                leaves[path] = Found(leaf, source.at(path), source.folder)
    return Layer(leaves, errors)


def of_environment(environment: Mapping[str, str], folder: str) -> Layer:
    """Read the variables INVOKE_… and FABRIC_…, which both commands take alike."""
    leaves: dict[str, Found] = {}
    errors: list[str] = []
    for name, text in sorted(environment.items()):
        path = variables().get(name.partition("_")[2])
        if path is None:
            near = difflib.get_close_matches(name.partition("_")[2], variables(), 1)
            guess = f"; did you mean {name.partition('_')[0]}_{near[0]}?" if near else ""
            errors.append(f"{name}: unknown variable{guess}")
            continue
        value = schema()[path].of_text(text)
        if path in leaves and leaves[path].value != value:
            errors.append(f"{name}: {path}: found '{text}', but {leaves[path].origin} says otherwise; allowed: one of the two")
        leaves[path] = Found(value, name, folder)
    return Layer(leaves, errors)


def merge(layers: Iterable[Layer]) -> dict[str, Found]:
    """Let each level override the ones before; tags are merged one by one, as Invoke merges sections."""
    merged: dict[str, Found] = {}
    for layer in layers:
        for path, found in layer.leaves.items():
            before = merged.get(path)
            if before is not None and isinstance(before.value, Mapping) and isinstance(found.value, Mapping):
                found = Found({**before.value, **found.value}, found.origin, found.folder)
            merged[path] = found
    return merged


def check(leaves: Mapping[str, Found], name: str) -> tuple[dict[str, Any], list[str]]:
    """Read every value by its kind.

    `name`: the file that a missing value should stand in. Returns the values by path, and everything that is wrong.
    """
    values: dict[str, Any] = {}
    errors: list[str] = []
    for path, one in schema().items():
        try:
            values[path] = one.read(leaves[path].value) if path in leaves else _default(one)
        except Wrong as wrong:
            found = f"found {describe(leaves[path].value)}" if path in leaves else "missing"
            where = leaves[path].origin if path in leaves else name
            errors.append(f"{where}: {path}: {found}; allowed: {one.allowed}{f' ({wrong})' if str(wrong) else ''}")
    values = derive(values)
    for path, told in contradictions(values):
        errors.append(f"{leaves[path].origin if path in leaves else name}: {path}: {told}")
    return values, errors


def _default(one: Field) -> Any:
    if one.required:
        raise Wrong
    return one.default


def _leaves(key: str, value: object) -> Iterator[tuple[str, object]]:
    if key not in sections() or (value is not None and not isinstance(value, Mapping)):
        yield key, value
    elif isinstance(value, Mapping):
        yield from ((f"{key}.{name}", leaf) for name, leaf in value.items())


def _complaint(path: str, value: object, *, strict: bool) -> str:
    if path in schema():
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
