"""The log of changing commands, written beside the run; a run that never ended is reported by the next."""

from __future__ import annotations

import os
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from ..aws import log
from ..decisions.reporting.events import Event
from ..decisions.reporting.log import Entry, began, crashed, ended
from ..runtime.cloud import error_code, throttled
from ..runtime.operator import alive, machine
from ..runtime.outbox import Outbox
from ..runtime.run import Run
from ..runtime.waiting import jittered

_PATIENCE = 10.0  # seconds at the end
_TRIES = 5  # of a call that AWS throttles, a second apart
_MARGIN = 7200.0  # seconds for what has no timeout among the settings, such as pip and collectstatic


class Audit:
    """Write an entry when a run begins and when it has ended, into the log of the first group."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._group = run.settings.groups[0]
        self._entry: Entry | None = None
        self._works = True
        self._outbox: Outbox[Event] = Outbox(self._write, 4)

    def take(self, event: Event) -> None:
        """Write an entry for the begin or the end of this run."""
        if event.event in ("run-began", "run-ended") and event.run == self._run.journal.run:
            self._outbox.put(event)

    def close(self) -> None:
        """Wait for what is left."""
        if not self._outbox.close(_PATIENCE):
            self._run.out.warn(f"the log of commands: AWS did not answer within {_PATIENCE:.0f} s: this run's end is not in it")

    def _write(self, event: Event) -> None:
        if not self._works:
            return
        try:
            for left in reversed(range(_TRIES)):
                try:
                    self._append(event)
                    return
                except ClientError as error:
                    # The client that answers quickly does not retry by itself.
                    if not throttled(error) or not left:
                        raise
                    self._run.clock.sleep(jittered(1.0))
        except ClientError as error:
            self._works = False
            allow = "" if throttled(error) else ": the policies `read` and `connect` of settings_snippets/aws allow it"
            self._run.out.warn(f"the log of commands cannot be written: {error_code(error)} of {error.operation_name}{allow}")
        except BotoCoreError as error:
            # Without network or credentials the command itself says so; only a lost end is news.
            self._works = False
            if event.event == "run-ended":
                self._run.out.warn(f"the log of commands cannot be written: {error}")

    def _append(self, event: Event) -> None:
        if event.event == "run-began":
            self._report_crashes(event.at)
            self._entry = began(event, machine(), os.getpid())
            log.append(self._run.cloud, self._group, self._entry, quick=True)
        elif self._entry is not None:
            log.append(self._run.cloud, self._group, ended(self._entry, event), quick=True)

    def _report_crashes(self, now: float) -> None:
        known = log.entries(self._run.cloud, self._group, quick=True)
        settings = self._run.settings
        longest = settings.rollout.timeout + settings.rollout.lock_wait + settings.image.timeout + settings.database.timeout
        for entry in crashed(known, machine(), alive, now, longest + settings.static.timeout + _MARGIN):
            event = Event("crashed", now, entry.run, entry.command, entry.line, entry.by, entry.facts)
            self._run.journal.send(event)
            self._run.out.warn(f"{entry.command} of {entry.by} never ended: its process is gone; `status` shows what it left")
            log.append(self._run.cloud, self._group, replace(entry, identity=""), quick=True)


def keep_log(run: Run) -> None:
    """Let a run be logged."""
    # First, so that a crash that it finds still reaches the others.
    run.journal.sinks.insert(0, Audit(run))
