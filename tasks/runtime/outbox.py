"""Work that must never slow a run or fail it: a thread of its own behind a bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """Pass items to a function in order, in a thread that begins with the first item.

    `work`: called with each item, raises nothing; `size`: how many may wait. What does not fit is dropped and counted.
    """

    def __init__(self, work: Callable[[T], None], size: int) -> None:
        self._work = work
        self._size = size
        # Queue's locks are Python: a signal's exception in the middle of them would lock it for good.
        self._queue: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._given_up = self._ended = False
        self.dropped = 0

    def put(self, item: T) -> None:
        """Add an item; returns at once."""
        with self._lock:
            if self._thread is None:
                # A daemon: a reader that hangs must not keep the process from ending.
                self._thread = threading.Thread(target=self._loop, name="outbox", daemon=True)
                self._thread.start()
            if self._queue.qsize() < self._size:
                self._queue.put(item)
            else:
                self.dropped += 1

    def finish(self) -> None:
        """Have the thread end once it has done what there is; returns at once."""
        if self._thread is not None:
            self._queue.put(None)

    def close(self, timeout: float) -> bool:
        """Wait until everything is done, at most `timeout` seconds; return whether it is."""
        thread = self._thread
        if thread is None:
            return True
        self.finish()
        thread.join(timeout)
        self._given_up = not self._ended
        return self._ended

    def _loop(self) -> None:
        while (item := self._queue.get()) is not None and not self._given_up:
            self._work(item)
        self._ended = True
