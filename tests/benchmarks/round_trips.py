"""How often a look at a large group waits for AWS: `python -m tests.benchmarks.round_trips [INSTANCES]`.

The round trips are the calls of the longest chain in which each had to wait for the one before: those of one thread follow each
other; what a pool is given waits for what came before in the thread that gave it, and who takes the result waits for its calls.
No clock is asked, so a slow machine counts the same. The hosts of `doctor` are asked over SSH and left out.
"""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from botocore.httpsession import URLLib3Session

from tasks.fleet.examination import of_groups
from tasks.fleet.look_ahead import look_ahead
from tasks.operations.history import history
from tasks.operations.maintenance import mention
from tasks.operations.status import status
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tests.worlds.rolling_world import rolling

INSTANCES, GOAL = 200, 3
LATENCY = 0.5  # seconds that each call takes longer than the stand-in needs, for the time that is printed


@dataclass
class Calls:
    """The calls to AWS, each by its place in the longest chain of calls that it had to wait for."""

    places: list[int] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """Return the length of the longest chain of calls one after the other."""
        return max(self.places, default=0)


class _Chain(threading.local):
    """How many calls, one after the other, this thread has waited for so far."""

    length = 0


@contextmanager
def watched(latency: float = 0.0) -> Iterator[Calls]:
    """Note every call that goes over the network; each takes so many seconds longer."""
    calls, chain = Calls(), _Chain()
    ends: dict[Future[Any], list[int]] = {}  # of each piece of work, once it has ended
    send, submit, result, shutdown = URLLib3Session.send, ThreadPoolExecutor.submit, Future.result, ThreadPoolExecutor.shutdown

    def sent(session: Any, request: Any) -> Any:
        time.sleep(latency)
        answer = send(session, request)
        chain.length += 1
        calls.places.append(chain.length)
        return answer

    def submitted(pool: Any, work: Any, /, *args: Any, **more: Any) -> Any:
        before, end = chain.length, list[int]()

        def carried_out() -> Any:
            chain.length = before
            try:
                return work(*args, **more)
            finally:
                end.append(chain.length)

        future = submit(pool, carried_out)
        ends[future] = end
        pool.__dict__.setdefault("given", []).append(future)
        return future

    def waited(futures: list[Any]) -> None:
        chain.length = max([chain.length, *(at for future in futures for at in ends.get(future, ()))])

    def resulted(future: Any, timeout: float | None = None) -> Any:
        try:
            return result(future, timeout)
        finally:
            waited([future])

    def shut_down(pool: Any, wait: bool = True, **more: Any) -> None:
        shutdown(pool, wait, **more)
        waited(pool.__dict__.get("given", []) if wait else [])

    with (
        patch.object(URLLib3Session, "send", sent),
        patch.object(ThreadPoolExecutor, "submit", submitted),
        patch.object(Future, "result", resulted),
        patch.object(ThreadPoolExecutor, "shutdown", shut_down),
    ):
        yield calls


def doctor(run: Run) -> None:
    """Look at all of AWS that `doctor` looks at."""
    with look_ahead(run, release=True):
        of_groups(run)


LOOKS: dict[str, Callable[[Run], None]] = {"status": status, "history": history, "doctor": doctor}


def measure(run: Run, look: Callable[[Run], None], latency: float = 0.0) -> tuple[Calls, float]:
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
            calls, seconds = measure(Run(run.settings, Output(out, out), run.clock, True, "fab", cloud=run.cloud), look, LATENCY)
            missed = missed or calls.rounds > GOAL
            print(f"{name:8} {size} instances: {len(calls.places):3} calls, {calls.rounds} round trips, {seconds:.1f} s")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
