"""`unlock`: who holds the lock of a group, and an end to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke import Collection

from ..errors import Refused
from ..runtime.command import command

if TYPE_CHECKING:
    from ..aws.session import Cloud
    from ..runtime.run import Run


@command(help={"force": "remove it though its holder may be alive"})
def unlock(run: Run, force: bool = False) -> None:
    """Show who holds the lock of each group, what for and until when; remove it when the holder is gone, or with --force."""
    from ..aws.session import Cloud

    cloud = Cloud(run.settings.aws)
    held = [name for name in run.settings.groups if not _unlock(run, cloud, name, force)]
    if held:
        raise Refused(f"{', '.join(held)}: held as shown; `unlock --force` removes it, once you know that nobody is at it")


def _unlock(run: Run, cloud: Cloud, name: str, force: bool) -> bool:
    """Return whether the group is free in the end; a dry run tells what would be done."""
    from .rollout import lock_of

    lock = lock_of(run, cloud, name, "unlock")
    held = lock.held()
    if held is None:
        run.out.say(f"{name}: nobody holds the lock")
        return True
    run.out.say(f"{name}: {held[0]}")
    if not (force or held[1]):
        return False
    if run.dry:
        run.out.say(f"{name}: would remove the lock")
        return True
    lock.remove()
    run.out.say(f"{name}: the lock is removed")
    return True


ns = Collection(unlock)
