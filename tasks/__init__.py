"""Ramped deployment of a Django site to an AWS Auto Scaling group: the commands of `fab` and `invoke`."""

import sys

# Invoke turns the writing of byte code off; compiling all of this anew would cost each `--list` more than Invoke itself.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

from .runtime.startup import explain_crashes  # noqa: E402

explain_crashes()

from .commands import ns  # noqa: E402

__all__ = ["ns"]
