"""The settings' dataclasses, read as a flat table: one field for each dotted path."""

import functools
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from .model import Settings
from .rules import DERIVED
from .values import Kind, Wrong

# The keys of Invoke and Fabric themselves (their documentation, "Default configuration values"), and whether each is a section.
INVOKES_OWN: Mapping[str, bool] = {
    "run": True,
    "runners": True,
    "sudo": True,
    "tasks": True,
    "timeouts": True,
    "authentication": True,
    "connect_kwargs": True,
    "forward_agent": False,
    "gateway": False,
    "inline_ssh_env": False,
    "load_ssh_configs": False,
    "port": False,
    "ssh_config_path": False,
    "user": False,
}


@dataclass(frozen=True)
class Field:
    """One setting: its dotted path, its kind, and what holds when it is left out."""

    path: str
    kind: Kind
    nullable: bool
    required: bool
    default: Any

    @property
    def allowed(self) -> str:
        """Tell what is allowed, for an error."""
        return f"{self.kind.allowed}{', or null' if self.nullable else ''}"

    def read(self, value: object) -> Any:
        """Return the value as the settings hold it; raises Wrong."""
        if value is None and self.nullable:
            return None
        if value is None:
            raise Wrong
        return self.kind.read(value)

    def of_text(self, text: str) -> object:
        """Return what a file would have given for a variable's text; an empty one is null."""
        return None if self.nullable and not text.strip() else self.kind.of_text(text.strip())


@functools.cache
def schema() -> dict[str, Field]:
    """Return every field of Settings by its dotted path, in the order of the dataclasses."""
    return {one.path: one for one in _fields(Settings, "")}


def sections() -> tuple[str, ...]:
    """Return the names of the sections, `groups` not among them."""
    return tuple(dict.fromkeys(path.partition(".")[0] for path in schema() if "." in path))


def variables() -> dict[str, str]:
    """Return the dotted path for each environment variable, whose names here lack INVOKE_ or FABRIC_."""
    return {path.replace(".", "_").upper(): path for path in schema()}


def build(values: Mapping[str, Any]) -> Settings:
    """Make the settings of a value for each path."""
    hints = get_type_hints(Settings)
    parts = {
        one.name: hints[one.name](**{leaf.name: values[f"{one.name}.{leaf.name}"] for leaf in fields(hints[one.name])})
        if is_dataclass(hints[one.name])
        else values[one.name]
        for one in fields(Settings)
    }
    return Settings(**parts)


def _fields(shape: type, prefix: str) -> list[Field]:
    hints = get_type_hints(shape, include_extras=True)
    found = []
    for one in fields(shape):
        path, hint = prefix + one.name, hints[one.name]
        if is_dataclass(hint):
            found += _fields(hint, f"{path}.")  # type: ignore[arg-type]
            continue
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        derived = path in DERIVED
        required = default is MISSING and not derived
        found.append(Field(path, _kind(hint), _nullable(hint) or derived, required, None if default is MISSING else default))
    return found


def _nullable(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _kind(hint: Any) -> Kind:
    inner = next(part for part in get_args(hint) if part is not type(None)) if _nullable(hint) else hint
    if get_origin(inner) is not Annotated:
        raise TypeError(f"{hint} says nothing of what is allowed")
    kind: Kind = inner.__metadata__[0]
    return kind
