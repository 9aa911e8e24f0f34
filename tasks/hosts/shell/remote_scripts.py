"""The programs that the site's own Python runs on a host, as text (scripts/)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def program(name: str, *arguments: object) -> str:
    """Return a program of scripts/ with a call of its `main`; `arguments`: texts, numbers and lists of them."""
    values = ", ".join(map(repr, arguments))
    return f"{_text(name)}\n\nmain({values})"


@cache
def _text(name: str) -> str:
    # As a resource: an installed package need not lie in a folder.
    return files(f"{__package__}.scripts").joinpath(f"{name}.py").read_text(encoding="utf-8").strip()
