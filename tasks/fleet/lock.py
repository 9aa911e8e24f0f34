"""The lock of a group, with this run as its holder."""

from __future__ import annotations

import os
import uuid

from ..aws.lock import Lock
from ..decisions.access.locks import Holder
from ..errors import Refused, TimedOut
from ..runtime.operator import machine, who
from ..runtime.run import Run
from ..runtime.waiting import Waiting


def lock_of(run: Run, group: str, purpose: str) -> Lock:
    """Return the lock of a group, not taken yet; `purpose` is shown to other operators."""
    return Lock(
        run.cloud,
        group,
        Holder(uuid.uuid4().hex, who(), purpose, machine(), os.getpid(), since=run.clock.now()),
        run.clock,
        run.command,
    )


def await_locks(run: Run) -> None:
    """Wait while others hold the lock of a group, up to rollout.lock_wait; the lock itself is taken later.

    Before anything is read that their rollout changes. Raises Refused with the holder.
    """
    for name in run.settings.groups if run.settings.rollout.lock_wait and not run.dry else ():
        _await_lock(run, name)


def _await_lock(run: Run, name: str) -> None:
    settings, lock = run.settings.rollout, lock_of(run, name, "waiting")

    def probe() -> bool | Waiting:
        # Without the lease, which is another text at each poll.
        held = lock.held(lease=False)
        return held is None or held[1] or Waiting(f"waiting for the lock of {name}, {held[0]}")

    try:
        run.wait(f"the lock of {name}", probe, timeout=settings.lock_wait, every=2 * settings.poll)
    except TimedOut as error:
        late, held = f"the lock of {name}: not free within {settings.lock_wait:.0f} s", lock.held()
        if held is None or held[1]:
            raise Refused(f"{late}; it is now: run the same again") from error
        advice = "Wait longer (--lock-wait), or run `unlock`, which removes the lock of a process that is dead"
        raise Refused(f"{late}, {held[0]}. {advice}") from error
