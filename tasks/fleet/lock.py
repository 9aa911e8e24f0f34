"""The lock of a group, with this run as its holder."""

from __future__ import annotations

import os
import uuid

from ..aws.lock import Lock
from ..decisions.access.locks import Holder
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

    Before anything is read that their rollout changes. Raises TimedOut with the holder.
    """
    patience = run.settings.rollout.lock_wait
    for name in run.settings.groups if patience and not run.dry else ():
        lock = lock_of(run, name, "waiting")

        def probe(lock: Lock = lock) -> bool | Waiting:
            held = lock.held()
            return held is None or held[1] or Waiting(held[0])

        run.wait(f"the lock of {name}", probe, timeout=patience, every=2 * run.settings.rollout.poll)
