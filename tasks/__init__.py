"""Ramped deployment of a Django site to an AWS Auto Scaling group: the tasks of `fab` and `invoke`."""

import sys

# Invoke turns the writing of byte code off; compiling all of this anew would cost each `--list` more than Invoke itself.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from invoke import Collection  # noqa: E402

from .startup import explain_crashes  # noqa: E402

explain_crashes()

ns = Collection()

__all__ = ["ns"]
