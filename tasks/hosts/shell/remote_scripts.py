"""The programs that the site's own Python runs on a host, as text (scripts/)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def program(name: str, *arguments: object) -> str:
    """Return a program of scripts/ with a call of its `main`; `arguments`: texts, numbers and lists of them."""
    return program_of(__package__, name, *arguments)


def program_of(package: str, name: str, *arguments: object) -> str:
    """Return a program of the folder `scripts` of a package."""
    values = ", ".join(map(repr, arguments))
    return f"{_text(package, name)}\n\nmain({values})"


@cache
def _text(package: str, name: str) -> str:
    # As a resource: an installed package need not lie in a folder.
    return files(f"{package}.scripts").joinpath(f"{name}.py").read_text(encoding="utf-8").strip()


def text(name: str) -> str:
    """Return a program of scripts/ without a call, as an argument of another program."""
    return _text(__package__, name)
