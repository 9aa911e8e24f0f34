"""Reload a fleet in threads, a batch at a time; stop at the first failure."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace

from ..aws.draining import Drains, Targets
from ..aws.serving import WebInstance, serves
from ..decisions.traffic.batches import batches
from ..errors import Cancelled, DeployError, Resumable
from ..hosts.pool import Hosts
from ..runtime.failures import explain
from ..runtime.run import Run
from ..runtime.waiting import Clock
from .old_process import require_old_process
from .reload_instance import InstanceReloader

_WIDTH = 50  # connections at a time, whatever the batch


class CancellableClock:
    """A clock whose sleepers raise Cancelled once the run is cancelled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cancelled = threading.Event()

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._clock.now()

    def elapsed(self) -> float:
        """Return the time in seconds on a monotonic clock."""
        return self._clock.elapsed()

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`; raises Cancelled once the run is cancelled."""
        if self._cancelled.is_set():
            raise Cancelled("cancelled: the run was stopped")
        self._clock.sleep(seconds)

    def cancel(self) -> None:
        """Make every sleeper raise, now and later."""
        self._cancelled.set()


class FleetReloader:
    """Reload instances in threads; a context manager that leaves no thread and no connection behind."""

    def __init__(self, run: Run, added: Sequence[str], *, only_if_needed: bool, settings: bool = False) -> None:
        self.seen: set[str] = set()
        self._clock = CancellableClock(run.clock)
        self._run = replace(run, clock=self._clock)
        self._only_if_needed = only_if_needed
        self._settings = settings  # restart with new settings
        self._hosts = Hosts(self._run)
        targets = Targets(self._run)
        self._instances = InstanceReloader(self._run, self._hosts, targets, Drains(self._run, targets), added)
        self._fleet: Counter[str] = Counter()
        self._done: list[str] = []
        self._failed: list[str] = []

    def __enter__(self) -> FleetReloader:
        """Return the reloader itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every thread and close every connection."""
        self._cancel()

    def prove(self, webs: Sequence[WebInstance]) -> None:
        """Refuse to reload anything where a new process of the running release would not answer beside the new files."""
        self._instances.start = require_old_process(
            self._run, self._hosts, [web for web in webs if not self._instances.sick(web)]
        )

    def reload(self, webs: Sequence[WebInstance], size: int) -> None:
        """Reload instances, `size` at a time; a batch begins when the previous one is healthy.

        Instances out of traffic are reloaded first, all at once, and do not block the rest: the release may repair them.
        Raises Resumable at the first failure, with what is done, what failed and what was not reloaded.
        """
        self._fleet.update(web.group for web in webs)
        sick = [web for web in webs if self._instances.sick(web)]
        with ThreadPoolExecutor(_WIDTH, thread_name_prefix="restart") as pool:
            try:
                if sick:
                    self._run.out.say(f"not healthy before: {', '.join(web.id for web in sick)}")
                    self._batch(pool, sick, self._instances.revive_with_settings if self._settings else self._instances.revive)
                for part in batches([web for web in webs if web not in sick], size):
                    self._batch(pool, part, self._reload)
                    if self._failed:
                        raise Resumable(self._report([web for web in webs if web.id not in self.seen]), self._run.command)
            except BaseException:
                self._cancel()
                raise

    def _batch(self, pool: ThreadPoolExecutor, part: Sequence[WebInstance], act: Callable[[WebInstance], str]) -> None:
        self.seen.update(web.id for web in part)
        work = {pool.submit(act, web): web for web in part}
        for future in as_completed(work):
            self._record(work[future], future)

    def _reload(self, web: WebInstance) -> str:
        if self._settings:
            return self._instances.renew_settings(web, self._fleet[web.group])
        return self._instances.reload(web, self._fleet[web.group], only_if_needed=self._only_if_needed)

    def _record(self, web: WebInstance, future: Future[str]) -> None:
        error = future.exception()
        if error is None:
            self._done.append(f"{web.id} ({future.result()})")
            self._run.out.say(f"{web.id}: {future.result()}")
            return
        explained = error if isinstance(error, DeployError) else explain(error, self._run.command)
        if explained is None:
            raise error
        if not serves(self._run.cloud, web):
            self._run.out.say(f"{web.id}: skipped: no longer in service in {web.group}")
            return
        text = str(explained)
        self._failed.append(text if text.startswith(f"{web.id}: ") else f"{web.id}: {text}")
        self._run.out.warn(self._failed[-1])

    def _report(self, remaining: Sequence[WebInstance]) -> str:
        return "; ".join(
            [
                f"restart-all stopped at a failure: {'; '.join(self._failed)}",
                f"done: {', '.join(self._done) or 'none'}",
                f"not reloaded: {', '.join(web.id for web in remaining) or 'none'}",
            ]
        )

    def _cancel(self) -> None:
        self._clock.cancel()
        self._hosts.close()
