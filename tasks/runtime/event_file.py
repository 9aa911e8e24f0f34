"""Events as lines of JSON, in a file or on standard output (`--events FILE|-`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import FileIO

from ..decisions.reporting.events import Event, line
from ..errors import SettingsError
from .outbox import Outbox
from .plain import write

STDOUT = "-"
_WAITING = 1000  # events
_PATIENCE = 5.0  # seconds at the end for a slow reader


class EventFile:
    """Append each event to a file, flushed at once; a failure is a warning and ends it.

    `path`: - for standard output; `warn` shows a warning. Raises SettingsError where it cannot be opened.
    """

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._file = self._open()
        self._outbox = Outbox(self._write, _WAITING)

    def _open(self) -> FileIO | None:
        """Return the file, without a buffer, which would be written again when it is closed; None for standard output."""
        if self._path == STDOUT:
            return None
        try:
            # A pipe without a reader is refused, not waited for.
            file = FileIO(self._path, "a", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK, 0o666))
            os.set_blocking(file.fileno(), True)
            return file
        except OSError as error:
            raise SettingsError(f"--events: {self._path}: {error.strerror}; allowed: a file that can be written, or -") from error

    def take(self, event: Event) -> None:
        """Write an event, behind those that wait."""
        self._outbox.put(event)

    def close(self) -> None:
        """Write what is left; say what could not be."""
        ended = self._outbox.close(_PATIENCE)
        if self._outbox.dropped or not ended:
            self._warn(f"--events: {self._path}: its reader is too slow: {self._outbox.dropped or 'the last'} events are missing")
        if ended and self._file is not None:
            self._file.close()

    def _write(self, event: Event) -> None:
        if self._file is None:
            write(sys.stdout, line(event))
            return
        left = memoryview(f"{line(event)}\n".encode())
        try:
            while left and not self._file.closed:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._file.close()
            self._warn(f"--events: {self._path}: {error.strerror}: no more events are written")
