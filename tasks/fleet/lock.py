"""The lock of a group, with this run as its holder."""

from __future__ import annotations

import os
import uuid

from ..aws.lock import Lock
from ..decisions.access.locks import Holder
from ..runtime.operator import machine, who
from ..runtime.run import Run


def lock_of(run: Run, group: str, purpose: str) -> Lock:
    """Return the lock of a group, not taken yet; `purpose` is shown to other operators."""
    return Lock(
        run.cloud,
        group,
        Holder(uuid.uuid4().hex, who(), purpose, machine(), os.getpid(), since=run.clock.now()),
        run.clock,
        run.command,
    )
