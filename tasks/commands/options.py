"""What options of several commands have in common: their help, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..runtime.run import Run

SETTINGS = "no release: bring changed settings to every instance, read anew by app.settings_unit, and restart the site with them"
REPORT = "write a page of HTML to this file: a lane for each instance, capacity, steps, calls, outcome"
ANYWAY = "release although the time lies in a window of freeze.windows"
LOCK_WAIT = "seconds to wait while another run holds the lock; default: rollout.lock_wait"
AS_JSON = "print the answer as JSON, and nothing else, on standard output"
REVISION = "tag, branch, full or short sha; default: the head of app.branch on origin"


def waiting(run: Run, seconds: str | None) -> Run:
    """Return the run that waits for locks as long as --lock-wait says."""
    if seconds is None:
        return run
    if not (seconds.isascii() and seconds.isdecimal()):
        from ..errors import SettingsError

        raise SettingsError(f"--lock-wait: found {seconds}; allowed: a whole number of seconds")
    return run.with_(rollout={"lock_wait": int(seconds)})
