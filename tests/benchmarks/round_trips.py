"""How often a look at a large group waits for AWS: `python -m tests.benchmarks.round_trips [INSTANCES]`.

Each call takes half a second longer than the stand-in needs, so that calls side by side overlap. The round trips are the calls of
the longest chain in which each begins after the one before has ended. The hosts of `doctor` are asked over SSH and left out.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.httpsession import URLLib3Session

from tasks.fleet.examination import of_groups
from tasks.fleet.look_ahead import look_ahead
from tasks.operations.history import history
from tasks.operations.maintenance import mention
from tasks.operations.status import status
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tests.worlds.rolling_world import rolling

INSTANCES, GOAL, LATENCY = 200, 3, 0.5  # seconds


@dataclass
class Calls:
    """When each call to AWS began and ended."""

    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """Return the length of the longest chain of calls one after the other."""
        count, end = 0, float("-inf")
        for began, ended in sorted(self.spans, key=lambda span: span[1]):
            if began >= end:
                count, end = count + 1, ended
        return count


@contextmanager
def watched(latency: float = LATENCY) -> Iterator[Calls]:
    """Note every call that goes over the network, and let each take longer."""
    calls, send = Calls(), URLLib3Session.send

    def slow(session: Any, request: Any) -> Any:
        began = time.monotonic()
        time.sleep(latency)
        answer = send(session, request)
        calls.spans.append((began, time.monotonic()))
        return answer

    URLLib3Session.send = slow
    try:
        yield calls
    finally:
        URLLib3Session.send = send


def doctor(run: Run) -> None:
    """Look at all of AWS that `doctor` looks at."""
    with look_ahead(run, release=True):
        of_groups(run)


LOOKS: dict[str, Callable[[Run], None]] = {"status": status, "history": history, "doctor": doctor}


def measure(run: Run, look: Callable[[Run], None], latency: float = LATENCY) -> tuple[Calls, float]:
    """Return the calls of a look as the command makes it, and its seconds; the clients are made before."""
    _whole(run, look)
    with watched(latency) as calls:
        began = time.monotonic()
        _whole(run, look)
        return calls, time.monotonic() - began


def _whole(run: Run, look: Callable[[Run], None]) -> None:
    with run.cloud.one_look():
        mention(run)
        look(run)


def main() -> int:
    """Print the figures; return 1 where the goal is missed."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}
    size = int(sys.argv[1]) if len(sys.argv) > 1 else INSTANCES
    missed = False
    with rolling(size, most=2 * size) as world:
        for name, look in LOOKS.items():
            out = io.StringIO()
            run = world.run(dry=True, smoke_boot=True)
            calls, seconds = measure(Run(run.settings, Output(out, out), run.clock, True, "fab", cloud=run.cloud), look)
            missed = missed or calls.rounds > GOAL
            print(f"{name:8} {size} instances: {len(calls.spans):3} calls, {calls.rounds} round trips, {seconds:.1f} s")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
