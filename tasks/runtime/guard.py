"""Around every task: each error becomes one line and an exit code."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn

from ..decisions.reporting.outcomes import Outcome, outcome_of
from ..errors import DeployError, Refused, Resumable
from .plain import discard_unread

if TYPE_CHECKING:
    from .output import Output
    from .run import Run

# SIGHUP: the operator's own connection broke. Stays ignored under nohup.
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The process received a terminating signal other than Ctrl-C."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(signal.Signals(number).name)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command without a run as Ctrl-C does: with one line, and nothing left behind."""
    with _caught():
        try:
            yield
        except KeyboardInterrupt as error:
            raise DeployError(f"{_by(error)} Nothing was changed.") from None


@contextmanager
def _caught() -> Iterator[None]:
    here = threading.current_thread() is threading.main_thread()
    ours = [number for number in _SIGNALS if here and signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _by(error: KeyboardInterrupt) -> str:
    return f"Stopped by {error}." if isinstance(error, Stopped) else "Stopped by Ctrl-C."


class Guard:
    """Turn interruptions and the errors of AWS, SSH and the network into a DeployError.

    `out`: may have a live line. An exit text reports the changes that the run's edges noted.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._run: Run | None = None
        self._signals = ExitStack()

    def know(self, run: Run) -> None:
        """Register the run: its command and its changes."""
        self._run = run

    def __enter__(self) -> Guard:
        """Catch SIGTERM and SIGHUP as Ctrl-C is caught."""
        self._signals.enter_context(_caught())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise the DeployError for the error.

        Raises Resumable when something was changed, any other DeployError otherwise. A bug keeps its traceback.
        """
        self._signals.close()
        self._out.close()
        if error is None or isinstance(error, SystemExit | GeneratorExit):
            self._report("failed" if error is not None and getattr(error, "code", None) else "ok", None)
            return
        explained = self._explain(error)
        if explained is None and self._changed():
            self._out.warn(f"stopped half-way by a bug in this tool. To go on: {self._again()}")
        interrupted = isinstance(error, KeyboardInterrupt)
        self._report(outcome_of(error if interrupted else explained or error, explained=True), explained or error)
        if explained is None:
            return
        explained.message = self._out.clean(explained.message or "")
        # Invoke prints the message: a terminal that is gone must not change the exit code.
        discard_unread(sys.stderr)
        if explained is not error:
            raise explained from error

    def _report(self, outcome: Outcome, error: BaseException | None) -> None:
        """Report the end of the run; the operator need not wait for slow services."""
        if self._run is None:
            return
        code = error.exit_code if isinstance(error, DeployError) else int(outcome != "ok")
        with suppress(KeyboardInterrupt):
            self._run.journal.ended(outcome, code, str(error or ""))
            self._run.journal.close()

    def _explain(self, error: BaseException) -> DeployError | None:
        if isinstance(error, Refused):
            return self._refused(error)
        if isinstance(error, DeployError):
            return error
        if isinstance(error, KeyboardInterrupt):
            by = _by(error)
            return Resumable(by, self._again()) if self._changed() else DeployError(f"{by} Nothing was changed.")
        from .failures import explain

        explained = explain(error, self._again())
        return Resumable(str(explained), self._again()) if explained is not None and self._changed() else explained

    def _refused(self, error: Refused) -> Refused:
        """Add the changes made so far to the text: a late refusal must report them."""
        text = str(error).rstrip(".")
        if not self._changed():
            return Refused(f"{text}. Nothing was changed.")
        assert self._run is not None
        done = ", ".join(step.name for step in self._run.steps.ended if step.ok)
        return Refused(
            f"{text}.\nDone before that, and it stays: {done or 'part of the command'}.\nTo continue afterwards: {self._again()}"
        )

    def _changed(self) -> bool:
        return self._run is not None and self._run.changes.made

    def _again(self) -> str:
        return self._run.command if self._run is not None else " ".join(sys.argv)
