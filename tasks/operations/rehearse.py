"""`rehearse`: a whole release on a stand-in cloud on this machine, with the real tasks, hosts and visitors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir

from ..errors import DeployError, SettingsError
from .rehearse_project import Subject, prepare

# Links are resolved: the package may be linked under another name, and the rehearsal is beside the real folder.
_PACKAGE = Path(__file__).resolve().parents[1]
_NEEDED = ("moto", "flask", "flask_cors", "h11", "asyncssh", "gunicorn", "django", "whitenoise", "pip")


def rehearse(
    hosts: str, instances: int, flags: Sequence[str], skip: Sequence[str], *, subject: Subject | None = None, dry: bool
) -> None:
    """Rehearse a release on the stand-in cloud; this process becomes the rehearsal.

    `hosts`: processes or machines; `instances`: how many web instances; `flags` and `skip`: passed on; `subject`: a
    site of one's own instead of the shop. Raises SettingsError where something is missing.
    """
    module = _find()
    _require_libraries(module)
    if dry:
        where = "in network namespaces of its own" if hosts == "machines" else "on 127.0.0.0/8"
        print(f"would build a stand-in cloud {where}, ship a release to it under traffic, and remove it")
        return
    sys.path.insert(0, str(_PACKAGE.parent))
    if hosts == "machines":
        _prepare_machines(module, instances, has_site=subject is not None)
    arguments = ["--hosts", hosts, "--instances", str(instances), *flags, *(f"--skip={part}" for part in skip)]
    if subject:
        # Before minutes of preparation; argparse says what is wrong with them.
        import_module(f"{module}.__main__").parse([*arguments, "--project", "--top=."])
        arguments += ["--project", f"--top={prepare(module, subject, machines=hosts == 'machines')}"]
    _become(module, arguments)


def _find() -> str:
    """Return the name of the rehearsal's package, relative to the parent folder: in this package (a wheel) or beside it."""
    for module in (f"{_PACKAGE.name}.rehearsal", "rehearsal"):
        if (_PACKAGE.parent / module.replace(".", "/") / "__main__.py").is_file():
            return module
    raise SettingsError(f"rehearse needs the folders rehearsal and settings_snippets beside {_PACKAGE}: copy them too")


def _require_libraries(module: str) -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise SettingsError(f"rehearse needs more libraries ({', '.join(missing)}): pip install {_extra(module)}")


def _extra(module: str) -> str:
    """Return the argument of pip: the extra of the wheel or of the clone, or a fork's requirements file."""
    if module != "rehearsal":
        return "'ramped[rehearsal]'"
    top = os.path.relpath(_PACKAGE.parent)
    is_clone = _PACKAGE.name == "tasks" and (_PACKAGE.parent / "pyproject.toml").is_file()
    return f"'{top}[rehearsal]'" if is_clone else f"-r {os.path.normpath(f'{top}/rehearsal/requirements.txt')}"


def _prepare_machines(module: str, instances: int, *, has_site: bool) -> None:
    """Check that machines work here, and build the shop's image now, while pip has this user's settings.

    `has_site`: that of a site of one's own is built when it is known what the site needs.
    """
    golden, requirements = (import_module(f"{module}.hosts.machines.{name}") for name in ("golden", "requirements"))

    if line := requirements.missing(instances):
        raise SettingsError(line)
    if has_site:
        return
    try:
        golden.layers(lambda text: print(text, flush=True))
    except golden.GoldenError as error:
        raise DeployError(str(error)) from None


def _become(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by the rehearsal, in an environment without real account and credentials."""
    bare = import_module(f"{module}.sandbox").bare
    environment = bare(os.environ, Path(gettempdir())) | {"PYTHONPATH": str(_PACKAGE.parent)}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)
