"""The commands that install and build a project, known by its files; they run where `environment.activated` names the place.

Sources: the command references of uv ("uv sync"), Poetry ("install"), PDM ("sync"), Pipenv ("sync"), npm ("npm ci").
"""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

# What else is in the virtual environment, such as a web server, stays; the project itself runs from its checkout.
_LOCKED = {
    # By the Python that is there: for another one, which .python-version may name, uv would make the environment anew.
    "uv": 'uv sync --frozen --no-dev --inexact --no-install-project --python "$VIRTUAL_ENV/bin/python"',
    "poetry": "poetry install --only main --no-root --no-interaction --no-ansi",
    "pdm": "PDM_IGNORE_SAVED_PYTHON=1 PDM_CHECK_UPDATE=0 pdm sync --prod --no-self --no-editable",
    "pipenv": "PIPENV_VERBOSITY=-1 pipenv sync",
}
_EXTRA = {"uv": "--extra", "poetry": "--extras", "pdm": "--group"}
_PIP = "python -m pip install --disable-pip-version-check --no-input --quiet"
_UV_PIP = 'uv pip install --quiet --python "$VIRTUAL_ENV/bin/python"'
_NO_PIP = "the virtual environment has no pip, and uv is not installed: run there python -m ensurepip"
TOOLS = ("pip", *_LOCKED)

# Build tools are development dependencies of most projects. What is installed already is not installed again.
_MARK = "node_modules/.ramped-package-lock"
NPM = (
    f"cmp -s package-lock.json {_MARK} || {{ npm ci --include=dev --no-audit --no-fund && cp package-lock.json {_MARK}; }}",
    "npm run build",
)


def installation(tool: str, requirements: Sequence[str]) -> str:
    """Return the command that installs a checkout by a tool of TOOLS."""
    if tool == "pip":
        files = " ".join(f"-r {quote(name)}" for name in requirements)
        has_pip = "python -c 'import pip' 2>/dev/null"
        return f"if {has_pip}; then {_PIP} {files}; else {_present('uv', _NO_PIP)} && {_UV_PIP} {files}; fi"
    missing = f"its lock file says that {tool} installs this project, but {tool} is not installed: install it, or set app.install"
    return f"{_present(tool, missing)} && {_LOCKED[tool]}"


def locked(tool: str) -> str:
    """Return the command that installs what a tool's lock file has."""
    return _LOCKED[tool]


def with_extra(tool: str, has_pip: bool, extra: str) -> str:
    """Return the command that installs a checkout with an extra of its pyproject.toml; an environment of uv has no pip."""
    if tool in _EXTRA:
        return f"{_LOCKED[tool]} {_EXTRA[tool]} {quote(extra)}"
    return f"{'python -m pip install' if has_pip else _UV_PIP} -e {quote(f'.[{extra}]')}"


def building(npm: bool) -> tuple[str, ...]:
    """Return the commands that build a checkout; `npm`: it has npm's lock file and a script to build."""
    missing = "package.json has a script to build, but npm is not installed: install Node.js, or set app.build"
    return (f"{_present('npm', missing)} && {NPM[0]}", NPM[1]) if npm else ()


def called(command: str) -> str:
    """Return what a command that builds is called: npm's installation by its name, a project's own command as it is."""
    return "npm ci, if package-lock.json has changed" if command in building(npm=True)[:1] else command


def _present(program: str, missing: str) -> str:
    return f"{{ command -v {program} >/dev/null || {{ echo {quote(missing)} >&2; exit 127; }}; }}"
