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

_ROOT = Path(__file__).parents[2]
_REHEARSAL = "rehearsal"
_NEEDED = ("moto", "flask", "flask_cors", "h11", "asyncssh", "gunicorn", "django", "whitenoise")


def rehearse(hosts: str, instances: int, flags: Sequence[str], skip: Sequence[str], *, dry: bool) -> None:
    """Rehearse a release on the stand-in cloud; this process becomes the rehearsal.

    `hosts`: processes or machines; `instances`: how many web instances; `flags` and `skip`: passed on. Raises SettingsError where
    something is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        wanted = _ROOT / "rehearsal/requirements.txt"
        raise SettingsError(f"rehearse needs {', '.join(missing)}: pip install -r {wanted}")
    if dry:
        where = "in network namespaces of its own" if hosts == "machines" else "on 127.0.0.0/8"
        print(f"would build a stand-in cloud {where}, ship a release to it under traffic, and remove it")
        return
    if hosts == "machines":
        _prepare_machines(instances)
    arguments = ["--hosts", hosts, "--instances", str(instances), *flags, *(f"--skip={part}" for part in skip)]
    _become(_REHEARSAL, arguments)


def _prepare_machines(instances: int) -> None:
    """See that machines can be here, and build their image now: afterwards pip does not know this user's settings any more."""
    golden, requirements = (import_module(f"{_REHEARSAL}.hosts.machines.{name}") for name in ("golden", "requirements"))

    if line := requirements.missing(instances):
        raise SettingsError(line)
    try:
        golden.layers(lambda text: print(text, flush=True))
    except golden.GoldenError as error:
        raise DeployError(str(error)) from None


def _become(module: str, arguments: Sequence[str]) -> None:
    """Go on as another module, in an environment in which nothing says where a real account is or who would ask."""
    bare = import_module(f"{_REHEARSAL}.sandbox").bare
    environment = bare(os.environ, Path(gettempdir())) | {"PYTHONPATH": str(_ROOT)}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)
