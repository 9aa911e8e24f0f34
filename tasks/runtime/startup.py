"""Work that must be done while Invoke imports the tasks, before it reads environment and settings files itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType

from ..settings.environment import take


def known() -> tuple[Mapping[str, str], Iterable[str]]:
    """Return the variables and the sections of the settings."""
    # Only where variables are set: the schema would cost every `--list` 20 ms.
    from ..settings.schema import sections, variables

    return variables(), sections()


TAKEN = take(os.environ, known)
_LIBRARY = f"{__package__.rpartition('.')[0]}."


def explain_crashes() -> None:
    """Report a broken settings file in one line even where Invoke reads it before us and crashes on it."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        message = _settings_at_fault(trace)
        if message is None:
            before(kind, error, trace)
            return
        print(message, file=sys.stderr, flush=True)
        raise SystemExit(2)

    sys.excepthook = hook


def _settings_at_fault(trace: TracebackType | None) -> str | None:
    modules = []
    while trace is not None:
        modules.append(trace.tb_frame.f_globals.get("__name__"))
        trace = trace.tb_next
    # Only errors of Invoke itself, before a task began.
    if "invoke.program" not in modules or any(str(module).startswith(_LIBRARY) for module in modules):
        return None
    from ..settings.load import complaints

    return complaints(sys.argv[1:], os.environ, TAKEN)
