"""Tasks for the workers: sent all the while, and counted in the end."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .broker import transport

TASK = "shop.confirm"  # of the site, config/jobs.py
LENGTHS = (0.3, 1.0, 5.0)  # seconds that tasks take, in turn
PATIENCE = 60.0  # seconds for the broker to take a task
EVERY = 0.8  # seconds between two tasks: 4 processes of two workers have something to do


@dataclass(frozen=True)
class Count:
    """The states of the tasks in celery's words, and how many each release has finished."""

    states: Mapping[str, int]
    by_release: Mapping[str, int]
    unsent: str = ""  # why no more could be sent

    @property
    def sent(self) -> int:
        """Return how many tasks were sent."""
        return sum(self.states.values())

    @property
    def lost(self) -> str:
        """Return what is wrong in words, or ""."""
        left = {state: number for state, number in sorted(self.states.items()) if state != "SUCCESS"}
        words = ", ".join(f"{number} {_WORDS.get(state, state)}" for state, number in left.items())
        lost = f"{sum(left.values())} of {self.sent} tasks were lost: {words}" if left else ""
        return "; ".join(filter(None, (lost, self.unsent)))


# "State" in the celery documentation; STARTED is recorded, since the site asks for it.
_WORDS = {"STARTED": "begun and never finished", "PENDING": "never begun", "FAILURE": "failed"}


class Tasks:
    """Send tasks by celery, as the site would, and know their results."""

    def __init__(self, urls: Mapping[str, str], lengths: Sequence[float] = LENGTHS) -> None:
        self._lengths = lengths
        # Nobody else needs celery.
        from celery import Celery

        self._app: Any = Celery("rehearsal", broker=urls["broker"], backend=urls["results"])
        if urls["messages"]:
            self._app.conf.broker_transport_options = transport(Path(urls["messages"]))
        self._sent: list[Any] = []
        self._unsent = ""

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Send tasks until the context ends."""
        over = threading.Event()
        sender = threading.Thread(target=self._send, args=(over,), daemon=True)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join(PATIENCE)
            if sender.is_alive():
                self._unsent = f"the broker has taken no task for {PATIENCE:.0f} s"

    @property
    def done(self) -> int:
        """Return how many have finished well."""
        return sum(1 for result in self._sent if result.successful())

    def _send(self, over: threading.Event) -> None:
        from celery.exceptions import OperationalError

        for seconds in itertools.cycle(self._lengths):
            try:
                self._sent.append(self._app.send_task(TASK, (seconds,)))
            except OperationalError as error:
                self._unsent = f"the broker takes no more tasks: {error}"
                return
            if over.wait(EVERY):
                return

    def count(self, patience: float) -> Count:
        """Wait until every task has finished, for `patience` seconds without any that does; return what became of them."""
        left, deadline = list(self._sent), time.monotonic() + patience
        while left and time.monotonic() < deadline:
            still = [result for result in left if not result.ready()]
            if len(still) < len(left):
                deadline = time.monotonic() + patience
            left = still
            time.sleep(0.2)
        states = Counter(str(result.state) for result in self._sent)
        by_release = Counter(str(result.result) for result in self._sent if result.successful())
        return Count(states, by_release, self._unsent)
