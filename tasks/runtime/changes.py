"""Whether a run has changed anything, for the exit text."""

import threading


class Changes:
    """The changes of a run: AWS calls and commands on a host that change something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = False
        self._open = 0  # calls that have begun, with unknown outcome

    @property
    def made(self) -> bool:
        """Whether anything was changed, or may have been."""
        with self._lock:
            return self._made or self._open > 0

    def note(self) -> None:
        """Note a change."""
        with self._lock:
            self._made = True

    def begin(self) -> None:
        """Note the beginning of a call that may change something; `settle` notes whether it did."""
        with self._lock:
            self._open += 1

    def settle(self, changed: bool) -> None:
        """Note the end of a call. An interrupted call, which never gets here, counts as a change."""
        with self._lock:
            self._open -= 1
            self._made = self._made or changed
