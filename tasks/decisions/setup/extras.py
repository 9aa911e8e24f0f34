"""What installs a module that the settings of a project import and its Python lacks."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from shlex import quote

from .texts import LOCKS

_WITHOUT_WHITENOISE = re.compile(r"No module named 'whitenoise[.']")
# Of a package that is there, but lacks a module, another version or a file of the project's own is missing.
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '([A-Za-z0-9_]+)'")


def advice(failure: str, pyproject: str, installing: Callable[[str], str]) -> str:
    """Return how to install the module for which settings did not load, as a clause; "" where they failed for another reason.

    Args: pyproject: the text of the project's pyproject.toml, or "". installing: returns the command that installs the project
    with an extra.
    """
    found = _NO_MODULE.search(failure)
    if found is None:
        return ""
    extras = list(_extras_with(found[1], pyproject))
    if not extras:
        return f"; if the site's requirements lack {found[1]}, add it to them, or set app.install in fabric.yaml"
    return (
        f"; {found[1]} is in the extra {extras[0]} of pyproject.toml: set app.install in fabric.yaml to"
        f" {json.dumps([installing(extras[0])])}"
    )


def lacks_whitenoise(failure: str) -> bool:
    """Return whether a proof failed for the lack of what our drop-ins import."""
    return _WITHOUT_WHITENOISE.search(failure) is not None


def advice_for_drop_ins(tool: str, program: str, has_pip: bool) -> str:
    """Return how to install what our drop-ins import, as a clause.

    Args: tool: that installs the project. program: the project's own Python. has_pip: whether that has pip; one of uv has none.
    """
    by_pip = f"{quote(program)} -m pip install" if has_pip else f"uv pip install --python {quote(program)}"
    command = next((command for command in LOCKS.values() if command.startswith(f"{tool} ")), by_pip)
    return f"; the drop-ins need WhiteNoise: `{command} whitenoise`, then run `init` again"


def _extras_with(module: str, pyproject: str) -> Iterator[str]:
    """Yield the optional dependencies that seem to have a module: a distribution of its name, or of django- and its name."""
    try:
        project = tomllib.loads(pyproject).get("project", {})
        groups = project.get("optional-dependencies", {}).items()
    except (tomllib.TOMLDecodeError, AttributeError):
        return
    name = module.lower().replace("_", "-")
    for group, requirements in groups:
        if not isinstance(requirements, list) or not all(isinstance(line, str) for line in requirements):
            continue
        names = {re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0].lower().replace("_", "-") for line in requirements}
        if names & {name, f"django-{name}", f"python-{name}"} and re.fullmatch(r"[A-Za-z0-9._-]+", group):
            yield group
