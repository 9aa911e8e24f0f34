"""Around every task: what can go wrong on the way becomes one line and an exit code."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, NoReturn

from ..errors import DeployError, Resumable

if TYPE_CHECKING:
    from .output import Output
    from .run import Run

# SIGHUP: the operator's own connection broke. Left alone under nohup, which ignores it on purpose.
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The process was asked to end by a signal other than Ctrl-C."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(signal.Signals(number).name)


class Guard:
    """Turn interruptions and the errors of AWS, SSH and the network into a DeployError.

    `out`: where a live line may stand; `changes`: whether the task changes anything.
    """

    def __init__(self, out: Output, *, changes: bool) -> None:
        self._out = out
        self._changes = changes
        self._run: Run | None = None
        self._before: dict[signal.Signals, object] = {}

    def know(self, run: Run) -> None:
        """Learn how to run the same again, and whether anything is changed at all."""
        self._run = run

    def __enter__(self) -> Guard:
        """Catch SIGTERM and SIGHUP as Ctrl-C is caught."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._before[number] = signal.signal(number, _stop)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Raise the DeployError that the error stands for.

        Raises Resumable when a changing task was under way, any other DeployError otherwise. A fault of our own keeps
        its traceback.
        """
        for number in self._before:
            signal.signal(number, signal.SIG_DFL)
        self._out.close()
        if error is None or isinstance(error, SystemExit | GeneratorExit):
            return
        told = self._translate(error)
        if told is None:
            if self._under_way():
                self._out.warn(f"stopped half-way by a fault of the tool itself. To go on: {self._again()}")
            return
        told.message = self._out.clean(told.message or "")
        if told is not error:
            raise told from error

    def _translate(self, error: BaseException) -> DeployError | None:
        if isinstance(error, DeployError):
            return error
        if isinstance(error, KeyboardInterrupt):
            by = f"Stopped by {error}" if isinstance(error, Stopped) else "Stopped by Ctrl-C"
            return Resumable(f"{by}.", self._again()) if self._under_way() else DeployError(f"{by}; nothing was changed.")
        from .failures import explain

        told = explain(error, self._again())
        return Resumable(str(told), self._again()) if told is not None and self._under_way() else told

    def _under_way(self) -> bool:
        return self._changes and self._out.begun and self._run is not None and not self._run.dry

    def _again(self) -> str:
        return self._run.command if self._run is not None else " ".join(sys.argv)
