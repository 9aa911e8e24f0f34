"""What must be done while Invoke imports the tasks, before it looks at the environment and the settings files itself."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import MutableMapping
from types import TracebackType

# The sections of Settings, once more: importing the dataclasses would cost `--list` their time. A test holds both together.
SECTIONS = ("aws", "groups", "management", "ssh", "app", "image", "rollout", "restart", "static", "health_check", "maintenance")
_OURS = re.compile(rf"(?:INVOKE|FABRIC)_(?:{'|'.join(SECTIONS).upper()})(?:_.*)?")
_LIBRARY = f"{__package__.rpartition('.')[0]}."
_FABRICS_OWN = {"FABRIC_SSH_CONFIG_PATH"}


def take_environment(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Take our variables out of the environment.

    Invoke casts a variable by the type of the value that it replaces: it crashes on a list, takes "false" for True and
    leaves a number that replaces null a text. So it must not see ours; they are read by our own schema instead.
    """
    ours = [name for name in environ if _OURS.fullmatch(name) and name not in _FABRICS_OWN]
    return {name: environ.pop(name) for name in ours}


TAKEN = take_environment(os.environ)


def explain_crashes() -> None:
    """Tell what is wrong with a settings file in one line also where Invoke reads it before us, and crashes on it."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        told = _settings_at_fault(trace)
        if told is None:
            before(kind, error, trace)
            return
        print(told, file=sys.stderr, flush=True)
        raise SystemExit(2)

    sys.excepthook = hook


def _settings_at_fault(trace: TracebackType | None) -> str | None:
    modules = []
    while trace is not None:
        modules.append(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    # Only what Invoke did by itself, before a task began.
    if "invoke.program" not in modules or any(str(module).startswith(_LIBRARY) for module in modules):
        return None
    from ..settings.load import complaints

    return complaints(sys.argv[1:], os.environ, TAKEN)
