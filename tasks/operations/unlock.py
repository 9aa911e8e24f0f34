"""`unlock`: show and remove the lock of a group."""

from __future__ import annotations

from ..errors import Refused
from ..fleet.lock import lock_of
from ..runtime.run import Run


def unlock(run: Run, force: bool = False) -> None:
    """Show who holds the lock of each group; remove it when the holder is gone, or with --force."""
    held = [name for name in run.settings.groups if not _unlock(run, name, force)]
    if held:
        raise Refused(f"{', '.join(held)}: held as shown; `unlock --force` removes it; make sure that its holder is gone")


def _unlock(run: Run, name: str, force: bool) -> bool:
    """Return whether the group is free afterwards; a dry run only shows the step."""
    lock = lock_of(run, name, "unlock")
    held = lock.held()
    if held is None:
        run.out.say(f"{name}: not locked")
        return True
    run.out.say(f"{name}: {held[0]}")
    if not (force or held[1]):
        return False
    run.out.say(f"{name}: remove the lock")
    if not run.dry:
        run.changes.note()
        lock.remove()
    return True
