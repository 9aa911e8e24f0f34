"""A bounded crew of threads goes through the fleet a batch at a time and stops at the first failure."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from ..decisions.traffic.batches import batches
from ..errors import DeployError, Resumable
from ..runtime.failures import explain

if TYPE_CHECKING:
    from ..aws.serving import Web
    from ..aws.session import Cloud
    from ..runtime.run import Run
    from ..runtime.waiting import Clock

_WIDTH = 50  # connections at a time, whatever the batch


class Abandoned(DeployError):
    """Say that a wait was given up because the whole run was."""


class Breakable:
    """A clock whose sleepers are woken for good when the run is given up."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._over = threading.Event()

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass; raises Abandoned once the run is over."""
        if self._over.is_set():
            raise Abandoned("given up, because the run was stopped")
        self._clock.sleep(seconds)

    def stop(self) -> None:
        """Let every sleeper give up, now and later."""
        self._over.set()


class Crew:
    """Refresh instances in threads; a context manager that leaves no thread and no connection behind."""

    def __init__(self, run: Run, cloud: Cloud, added: Sequence[str], *, only_if_needed: bool) -> None:
        from ..aws.draining import Drains, Targets
        from ..hosts.pool import Hosts
        from .reload_instance import Refresher

        self.seen: set[str] = set()
        self._run = run
        self._cloud = cloud
        self._only_if_needed = only_if_needed
        self._clock = Breakable(run.clock)
        self._hosts = Hosts(run, cloud)
        targets = Targets(cloud, self._clock)
        drains = Drains(run, cloud, targets, self._clock)
        self._refresher = Refresher(run, self._hosts, targets, drains, self._clock, added)
        self._fleet: Counter[str] = Counter()
        self._done: list[str] = []
        self._failed: list[str] = []

    def __enter__(self) -> Crew:
        """Return the crew itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every thread and close every connection."""
        self._break_off()

    def go_through(self, webs: Sequence[Web], size: int) -> None:
        """Refresh instances, `size` at a time; a batch begins when the one before is well.

        Raises Resumable at the first failure, with what is done, what failed and what was not touched.
        """
        self._fleet.update(web.group for web in webs)
        with ThreadPoolExecutor(min(size, _WIDTH), thread_name_prefix="restart") as pool:
            try:
                for part in batches(webs, size):
                    self._batch(pool, part)
                    if self._failed:
                        raise Resumable(self._report([web for web in webs if web.id not in self.seen]), self._run.command)
            except BaseException:
                self._break_off()
                raise

    def _batch(self, pool: ThreadPoolExecutor, part: Sequence[Web]) -> None:
        self.seen.update(web.id for web in part)
        work = {pool.submit(self._refresh, web): web for web in part}
        for future in as_completed(work):
            self._tell(work[future], future)

    def _refresh(self, web: Web) -> str:
        return self._refresher.refresh(web, self._fleet[web.group], only_if_needed=self._only_if_needed)

    def _tell(self, web: Web, future: Future[str]) -> None:
        from ..aws.serving import serves

        error = future.exception()
        if error is None:
            self._done.append(f"{web.id} ({future.result()})")
            self._run.out.say(f"{web.id}: {future.result()}")
            return
        told = error if isinstance(error, DeployError) else explain(error, self._run.command)
        if told is None:
            raise error
        if not serves(self._cloud, web):
            self._run.out.say(f"{web.id}: left out, for it has left {web.group} meanwhile")
            return
        self._failed.append(f"{web.id}: {told}")
        self._run.out.warn(f"{web.id}: {told}")

    def _report(self, untouched: Sequence[Web]) -> str:
        return "; ".join(
            [
                f"restart-all stopped at a failure: {'; '.join(self._failed)}",
                f"done: {', '.join(self._done) or 'none'}",
                f"not touched: {', '.join(web.id for web in untouched) or 'none'}",
            ]
        )

    def _break_off(self) -> None:
        self._clock.stop()
        self._hosts.close()
