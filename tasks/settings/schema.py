"""The settings' dataclasses as a flat table: one field for each dotted path."""

import functools
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from .environment import variable_of
from .kinds import Kind, Wrong
from .model import Settings
from .renamed import RENAMED
from .rules import DERIVED


@dataclass(frozen=True)
class Field:
    """One setting: its dotted path, its kind, and its default."""

    path: str
    kind: Kind
    nullable: bool
    required: bool
    default: Any

    @property
    def allowed(self) -> str:
        """Describe what is allowed, for an error."""
        return f"{self.kind.allowed}{', or null' if self.nullable else ''}"

    def read(self, value: object) -> Any:
        """Return the value as the settings hold it; raises Wrong."""
        if value is None and self.nullable:
            return None
        if value is None:
            raise Wrong
        return self.kind.read(value)

    def of_text(self, text: str) -> object:
        """Return what a file would contain for a variable's text; an empty text is null."""
        return None if self.nullable and not text.strip() else self.kind.of_text(text.strip())


@functools.cache
def schema() -> dict[str, Field]:
    """Return every field of Settings by its dotted path, in the order of the dataclasses."""
    return {field.path: field for field in _fields(Settings, "")}


def sections() -> tuple[str, ...]:
    """Return the names of the sections, `groups` not among them."""
    return tuple(dict.fromkeys(path.partition(".")[0] for path in schema() if "." in path))


@functools.cache
def variables() -> Mapping[str, str]:
    """Return the dotted path for each environment variable, old names included; the names here lack INVOKE_ or FABRIC_."""
    return {variable_of(path): path for path in (*schema(), *RENAMED)}


def build(values: Mapping[str, Any]) -> Settings:
    """Create the settings from the values by path."""
    parts: dict[str, Any] = {}
    for name, section in get_type_hints(Settings).items():
        if is_dataclass(section):
            keys = [field.name for field in fields(section)]
            parts[name] = section(**{key: values[f"{name}.{key}"] for key in keys})  # type: ignore[operator]
        else:
            parts[name] = values[name]
    return Settings(**parts)


def _fields(shape: type, prefix: str) -> list[Field]:
    hints = get_type_hints(shape, include_extras=True)
    found = []
    for entry in fields(shape):
        path, hint = prefix + entry.name, hints[entry.name]
        if is_dataclass(hint):
            found += _fields(hint, f"{path}.")  # type: ignore[arg-type]
            continue
        default = entry.default_factory() if entry.default_factory is not MISSING else entry.default
        derived = path in DERIVED
        required = default is MISSING and not derived
        found.append(Field(path, _kind(hint), _nullable(hint) or derived, required, None if default is MISSING else default))
    return found


def _nullable(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _kind(hint: Any) -> Kind:
    inner = next(part for part in get_args(hint) if part is not type(None)) if _nullable(hint) else hint
    if get_origin(inner) is not Annotated:
        raise TypeError(f"{hint} does not say what is allowed")
    kind: Kind = inner.__metadata__[0]
    return kind
