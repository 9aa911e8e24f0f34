"""Hooks: commands of the operator before and after each step, here or on the management instance."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from ..decisions.reporting.hooks import variables
from ..decisions.reporting.outcomes import hook_of, outcome_of
from ..errors import DeployError, Refused
from ..settings.hooks import STEPS, Hook
from .journal import Journal
from .text import gist, redact

if TYPE_CHECKING:
    from ..settings.model import Hooks as Settings
    from .output import Output

When = Literal["before", "after", "failed"]
# Runs a command line on the management instance, with variables and a timeout; returns its output and its exit code.
Remote = Callable[[str, Mapping[str, str], float], tuple[str, int]]
_LONGEST = 1024 * 1024  # bytes of the output of a hook that are kept


class _Around(AbstractContextManager[None]):
    """A step, or a command, between its hooks."""

    def __init__(self, hooks: Hooks, name: str) -> None:
        self._hooks = hooks
        self._name = name

    def __enter__(self) -> None:
        self._hooks.run("before", self._name)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Run what comes after; an interruption runs nothing, since the operator waits for the end."""
        outcome = outcome_of(error)
        when = hook_of(outcome, begun=self._name in STEPS or self._hooks.begun)
        if when:
            self._hooks.run(when, self._name, outcome=outcome)


class Hooks:
    """The hooks of one run.

    `settings`: the section `hooks`; a dry run says what would run. `remote` is set by those who can reach hosts.
    """

    def __init__(self, settings: Settings, out: Output, journal: Journal, dry: bool) -> None:
        self._settings = settings
        self._out = out
        self._journal = journal
        self._dry = dry
        self.remote: Remote | None = None

    def around(self, name: str) -> AbstractContextManager[None]:
        """Return a context: the hooks of a step run before and after it. Raises Refused as `run`."""
        return _Around(self, name)

    def around_command(self, name: str) -> AbstractContextManager[None]:
        """Return the same for a command; what is a step too, such as rollout, has its hooks around the step."""
        return nullcontext() if name in STEPS else _Around(self, name)

    @property
    def begun(self) -> bool:
        """Return whether a step of this run has begun."""
        return self._journal.stepped

    @property
    def far(self) -> bool:
        """Return whether any hook runs on the management instance."""
        sections = (self._settings.before, self._settings.after, self._settings.failed)
        return any(hook.where == "management" for section in sections for hooks in section.values() for hook in hooks)

    def foresee(self, *steps: str) -> None:
        """Name the hooks of steps that a dry run describes without entering them."""
        assert self._dry
        for step in steps:
            for when in ("before", "after"):
                self.run(when, step)

    def run(self, when: When, step: str, **facts: str) -> None:
        """Run the hooks of a step, or of a command, in order.

        Raises Refused where a failing hook has to stop the run; a hook of `failed` only warns.
        """
        for hook in getattr(self._settings, when).get(step, ()):
            label = f"hooks.{when}.{step}"
            if self._dry:
                where = "on the management instance" if hook.where == "management" else "here"
                self._out.say(f"would run {label} {where}: {redact(hook.run)}")
                continue
            self._out.say(f"{label}: {redact(hook.run)}")
            problem = self._attempt(hook, self._variables(when, step, facts))
            if problem and hook.failure == "stop" and when != "failed":
                raise Refused(f"{label} failed: {problem}")
            if problem:
                self._out.warn(f"{label} failed: {problem}")

    def _variables(self, when: When, step: str, facts: Mapping[str, str]) -> dict[str, str]:
        own = self._journal
        known = {**own.facts, **facts, "hook": when}
        return variables(own.command, step, own.run, redact(self._out.clean(own.line)), own.by, known)

    def _attempt(self, hook: Hook, extra: Mapping[str, str]) -> str:
        """Run one hook and show its output; return what went wrong, or an empty text."""
        try:
            printed, code = self._here(hook, extra) if hook.where == "here" else self._there(hook, extra)
        except subprocess.TimeoutExpired:
            return f"`{redact(hook.run)}` did not end within {hook.timeout:g} s"
        except (OSError, DeployError) as error:
            return str(error)
        if printed.strip():
            self._out.quote(printed)
        return f"`{redact(hook.run)}` exited {code}{f': {gist(printed)}' if printed.strip() else ''}" if code else ""

    def _there(self, hook: Hook, extra: Mapping[str, str]) -> tuple[str, int]:
        if self.remote is None:
            raise Refused("the management instance cannot be reached from this command")
        return self.remote(hook.run, extra, hook.timeout)

    def _here(self, hook: Hook, extra: Mapping[str, str]) -> tuple[str, int]:
        # In a session of its own, so that what it started ends with it.
        with tempfile.TemporaryFile() as printed:  # a pipe would stay open as long as what it left behind
            process = subprocess.Popen(
                ["/bin/sh", "-c", hook.run],
                cwd=hook.folder,
                env={**os.environ, **extra},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(timeout=hook.timeout)
            except BaseException:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            printed.seek(max(0, printed.seek(0, os.SEEK_END) - _LONGEST))
            return printed.read().decode(errors="replace"), code
