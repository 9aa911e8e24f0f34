"""`rehearse`: a whole release on a stand-in cloud on this machine, with the real tasks, hosts and visitors."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from invoke import Collection, Context, task

from ..errors import DeployError, SettingsError

_ROOT = Path(__file__).parents[2]
_REHEARSAL = "rehearsal"
_NEEDED = ("moto", "flask", "flask_cors", "h11", "asyncssh", "gunicorn", "django", "whitenoise")


@task(
    auto_shortflags=False,
    iterable=["skip"],
    help={
        "hosts": "processes (no root), or machines: systemd, sshd, nginx and PostgreSQL (as root on Debian)",
        "instances": "how many web instances (1 to 40)",
        "keep": "leave the stand-in cloud running until Ctrl-C, and say how to use it",
        "static-middleware": "the site serves its static files by the drop-in static_middleware.py: nothing is restarted",
        "further": "then a release whose migration old code does not survive, and one that is dead on every web instance",
        "skip": "show what happens without a part of the release: restart-all",
    },
)
def rehearse(
    c: Context,
    hosts: str = "processes",
    instances: int = 3,
    keep: bool = False,
    static_middleware: bool = False,
    further: bool = False,
    skip: Sequence[str] | None = None,
) -> None:
    """Rehearse: ship a new release of a Django site to a stand-in cloud on this machine, under traffic; no AWS.

    Needs no fabric.yaml. Exit code 0 only when no request failed.
    """
    from importlib.util import find_spec

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        wanted = _ROOT / "rehearsal/requirements.txt"
        raise SettingsError(f"rehearse needs {', '.join(missing)}: pip install -r {wanted}")
    if c.config.run.dry:
        where = "in network namespaces of its own" if hosts == "machines" else "on 127.0.0.0/8"
        print(f"would build a stand-in cloud {where}, ship a release to it under traffic, and remove it")
        return
    if hosts == "machines":
        _prepare_machines(instances)
    flags = [flag for flag, on in (("--keep", keep), ("--static-middleware", static_middleware), ("--further", further)) if on]
    arguments = ["--hosts", hosts, "--instances", str(instances), *flags, *(f"--skip={part}" for part in skip or ())]
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
    from tempfile import gettempdir

    bare = import_module(f"{_REHEARSAL}.sandbox").bare
    environment = bare(os.environ, Path(gettempdir())) | {"PYTHONPATH": str(_ROOT)}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)


ns = Collection(rehearse)
