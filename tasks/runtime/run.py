"""What the body of a task is given: the settings, what the operator sees, the time, and how to run the same again."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError

if TYPE_CHECKING:
    from invoke import Context

    from ..settings.model import Settings
    from .output import Output
    from .waiting import Clock


@dataclass(frozen=True)
class Run:
    """One run of one task."""

    settings: Settings
    out: Output
    clock: Clock
    dry: bool  # change nothing, say what would be done
    command: str  # how to run the same again, as it would be typed


def begin(c: Context, out: Output) -> Run:
    """Make the run of a task from Invoke's context.

    Raises SettingsError for a context that is one host's Connection (`fab -H`), and for wrong settings.
    """
    from ..settings.load import load
    from .startup import TAKEN
    from .waiting import SystemClock

    refuse_hosts(c)
    # Invoke keeps the path that `-f` gave in no public place; the version is pinned.
    loaded = load(Path.cwd(), c.config._runtime_path, TAKEN)
    for line in loaded.warnings:
        out.warn(line)
    # `fab` has read these already, `invoke` has not: the keys of Invoke itself, such as `run: {dry: true}`.
    c.config.load_collection(loaded.invoke)
    return Run(loaded.settings, out, SystemClock(), bool(c.config.run.dry), as_typed(sys.argv, TAKEN))


def refuse_hosts(c: Context) -> None:
    """Refuse `fab -H a,b TASK`: Fabric would run the whole task once for each host.

    Raises SettingsError.
    """
    fabric = sys.modules.get("fabric")
    if fabric is not None and isinstance(c, fabric.Connection):
        raise SettingsError("-H, --hosts: found hosts; allowed: none, for fabric.yaml says which hosts. Nothing was done.")


def as_typed(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the command line that does the same again, quoted for a shell.

    `environment`: the variables that override settings; they stand in front.
    """
    program = Path(argv[0])
    name = ["python", "-m", program.parent.name] if program.name == "__main__.py" else [program.name]
    variables = [f"{key}={shlex.quote(value)}" for key, value in sorted(environment.items())]
    return " ".join([*variables, shlex.join([*name, *argv[1:]])])
