"""Whether a run has changed anything: what an exit text says of it must be true."""

import threading


class Changes:
    """Noted by every edge that writes: AWS calls that change something, commands that change something on a host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = False
        self._open = 0  # calls that have begun and whose outcome is not known

    @property
    def made(self) -> bool:
        """Whether anything was changed, or may have been."""
        with self._lock:
            return self._made or self._open > 0

    def note(self) -> None:
        """Note that something is changed now."""
        with self._lock:
            self._made = True

    def begin(self) -> None:
        """Note that a call begins which may change something; `settle` says whether it did."""
        with self._lock:
            self._open += 1

    def settle(self, changed: bool) -> None:
        """Note how a call ended. One that never gets here, being interrupted, counts as a change."""
        with self._lock:
            self._open -= 1
            self._made = self._made or changed
