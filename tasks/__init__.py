"""Ramped deployment of a Django site to an AWS Auto Scaling group: the tasks of `fab` and `invoke`."""

import sys

# Invoke turns the writing of byte code off; compiling all of this anew would cost each `--list` more than Invoke itself.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from invoke import Collection  # noqa: E402

from . import (  # noqa: E402
    abort,
    bake,
    check_static,
    deploy,
    history,
    invalidate,
    management,
    prune_static,
    rehearse,
    restart,
    rollout,
    ship,
    status,
    unlock,
    warm_cdn,
)
from .startup import explain_crashes  # noqa: E402

explain_crashes()

# Each family of commands is a module that ends in its collection; here they become one flat list.
_families = (
    abort,
    bake,
    check_static,
    deploy,
    history,
    invalidate,
    management,
    prune_static,
    rehearse,
    restart,
    rollout,
    ship,
    status,
    unlock,
    warm_cdn,
)
ns = Collection(*(task for family in _families for task in family.ns.tasks.values()))

__all__ = ["ns"]
