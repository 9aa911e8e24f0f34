"""Ramped deployment of a Django site to an AWS Auto Scaling group: the tasks of `fab` and `invoke`."""

import sys

# Invoke turns the writing of byte code off; compiling all of this anew would cost each `--list` more than Invoke itself.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from importlib import import_module  # noqa: E402

from invoke import Collection  # noqa: E402

from .runtime.startup import explain_crashes  # noqa: E402

explain_crashes()

# Each family of commands is a module that ends in its collection; here they become one flat list.
_FAMILIES = (
    "abort",
    "bake_ami",
    "check_migrations",
    "check_static",
    "configure_health_check",
    "deploy",
    "drain",
    "history",
    "invalidate",
    "maintenance",
    "management",
    "prune_static",
    "rehearse",
    "restart_all",
    "rollout",
    "ship",
    "status",
    "unlock",
    "warm_cdn",
)
ns = Collection(*(task for name in _FAMILIES for task in import_module(f"{__name__}.operations.{name}").ns.tasks.values()))

__all__ = ["ns"]
