"""A rollout whose lock has a short lease, as a process: `python -m tests.worlds.short_lease URL GROUP VERSION SECONDS`.

What an operator reads goes to its output; it exits as `fab` would.
"""

import functools
import sys

from tasks.aws import lock
from tasks.decisions.access.locks import Holder
from tasks.errors import DeployError
from tasks.fleet import lock as held
from tasks.operations.rollout import roll_out
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tests.worlds.rolling_world import COMMAND, settings_of


def main(url: str, group: str, version: str, lease: str) -> int:
    lock.LEASE, lock._MARGIN = float(lease), 0.0
    held.Holder = functools.partial(Holder, lease=float(lease))  # type: ignore[misc, assignment]
    run = Run(settings_of(url, group), Output(sys.stdout, sys.stdout), SystemClock(), False, COMMAND)
    try:
        roll_out(run, {}, version)
    except DeployError as error:
        print(error, flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
