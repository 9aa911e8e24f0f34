"""Freezes: windows of time in which nothing is released, unless the operator wants it anyway."""

from __future__ import annotations

from ..errors import Refused
from ..runtime.run import Run
from ..settings.windows import open_window


def refuse_frozen(run: Run, *, anyway: bool) -> None:
    """Refuse a release in a window of `freeze.windows`; a dry run only says so.

    `anyway`: the operator wants it all the same. Raises Refused.
    """
    freeze = run.settings.freeze
    found = open_window(freeze.windows, freeze.timezone, run.clock.now())
    if found is None:
        return
    window, local = found
    text = f"it is {local}, and releases are frozen from {window} (freeze.windows)"
    if anyway:
        run.out.warn(f"{text}: released anyway")
    elif run.dry:
        run.out.warn(f"{text}: it would need --anyway")
    else:
        again = run.command if " --anyway" in run.command else f"{run.command} --anyway"
        raise Refused(f"{text}; to release anyway: `{again}`")
