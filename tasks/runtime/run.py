"""The context of a command: settings, AWS, output, time, and the steps and changes of this run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import SettingsError
from .changes import Changes
from .cloud import Cloud
from .hooks import Hooks
from .journal import Journal
from .steps import Step, Steps

if TYPE_CHECKING:
    from invoke import Context

    from ..settings.model import Settings
    from .output import Output
    from .waiting import Clock, Waiting

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """One run of one command.

    `cloud`, `changes`, `steps`, `journal` and `hooks` are shared with every copy that `with_` and `numbered` make.
    """

    settings: Settings
    out: Output
    clock: Clock
    dry: bool  # change nothing, say what would be done
    command: str  # the command line that runs the same again
    changes: Changes = field(default_factory=Changes)
    numbers: Mapping[str, str] = field(default_factory=dict)  # of the steps, by their names
    cloud: Cloud = None  # type: ignore[assignment]  # made below, unless it is passed on
    steps: Steps = None  # type: ignore[assignment]
    journal: Journal = field(default_factory=Journal)
    hooks: Hooks = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Create what was not passed on by another run."""
        if self.cloud is None:
            object.__setattr__(self, "cloud", Cloud(self.settings.aws, self.changes))
        if self.steps is None:
            object.__setattr__(self, "steps", Steps(self.out, self.journal))
        if self.hooks is None:
            object.__setattr__(self, "hooks", Hooks(self.settings.hooks, self.out, self.journal, self.dry))

    def report_to(self, name: str, events: str | None) -> None:
        """Attach what a command that changes something reports to: its events to a file, notices to others.

        `name`: of the command, empty for others, which report nothing; `events`: a file, or - for standard output. Raises
        SettingsError.
        """
        from .event_file import EventFile
        from .notices import of_environment
        from .operator import who
        from .telemetry import spans_of_environment

        own = self.journal
        own.command, own.line, own.by, own.now, own.clean = name, self.command, who(), self.clock.now, self.out.clean
        own.note(groups=" ".join(self.settings.groups), **({"dry": "yes"} if self.dry else {}))
        webhooks = of_environment(self.settings.notices, self.out.hide, self.out.warn) if name and not self.dry else None
        file = EventFile(events, self.out.warn) if events else None
        spans = spans_of_environment(self.out.warn) if name and self.settings.telemetry.spans and not self.dry else None
        own.sinks += [sink for sink in (file, webhooks, spans) if sink is not None]
        self.out.when_warned = own.warning

    def record(self, path: str | None) -> None:
        """Write a report of this run as a page of HTML; None: no report. Raises SettingsError."""
        if path is None:
            return
        from .recording import Recording

        about = (self.out.clean(self.command), self.journal.by)
        recording = Recording(path, about, self.clock.now, self.cloud.calls, self.out.warn)
        self.journal.sinks.append(recording)
        self.journal.viewers.append(recording.see)

    def with_(self, **sections: Mapping[str, Any]) -> Run:
        """Return this run with other values in some sections of its settings: `run.with_(rollout={"pause": 0})`."""
        changed = {name: replace(getattr(self.settings, name), **values) for name, values in sections.items()}
        return replace(self, settings=replace(self.settings, **changed))

    def aside(self) -> Run:
        """Return this run with all that it shows on stderr, for a command whose answer on standard output is for programs."""
        out = self.out.onto(sys.stderr)
        return replace(self, out=out, steps=Steps(out, self.journal), hooks=self._hooks(out, self.dry))

    def dried(self) -> Run:
        """Return this run as one that changes nothing and runs no hook, for a command that only looks."""
        return replace(self, dry=True, hooks=self._hooks(self.out, dry=True))

    def _hooks(self, out: Output, dry: bool) -> Hooks:
        hooks = Hooks(self.settings.hooks, out, self.journal, dry)
        hooks.remote = self.hooks.remote
        return hooks

    def numbered(self, numbers: Mapping[str, str]) -> Run:
        """Return this run with numbers in front of its steps, by the names of the steps."""
        return replace(self, numbers=numbers)

    @contextmanager
    def step(self, name: str, **facts: str) -> Iterator[Step]:
        """Run a step with its hooks, notifying the listeners of its beginning and its end; `facts` are for them.

        Raises Refused where a hook fails that has to stop the run.
        """
        with self.steps.step(name, self.numbers.get(name, ""), facts) as step, self.hooks.around(step.key):
            yield step

    def report(self, title: str) -> None:
        """Show the steps so far with their durations."""
        self.out.report(title, self.steps.ended)

    def wait(self, what: str, probe: Callable[[], T | Waiting], *, timeout: float, every: float = 2.0) -> T:
        """Poll until the probe returns anything but Waiting, and return that.

        `timeout`, `every`: seconds. Raises TimedOut with the last state.
        """
        from .waiting import wait_for

        return wait_for(what, probe, clock=self.clock, timeout=timeout, every=every, seen=self.out.progress)


def begin(c: Context, out: Output) -> Run:
    """Create the run of a command from Invoke's context.

    Raises SettingsError for a context that is one host's Connection (`fab -H`), and for wrong settings.
    """
    from ..settings.load import load
    from .startup import TAKEN
    from .waiting import SystemClock

    refuse_hosts(c)
    # Invoke keeps the path that `-f` gave in no public place; the version is pinned.
    loaded = load(Path.cwd(), c.config._runtime_path, TAKEN)
    for line in loaded.warnings:
        out.warn(line)
    # `fab` has read these already, `invoke` has not: the keys of Invoke itself, such as `run: {dry: true}`.
    c.config.load_collection(loaded.invoke)
    return Run(loaded.settings, out, SystemClock(), bool(c.config.run.dry), as_typed(sys.argv, TAKEN))


def refuse_hosts(c: Context) -> None:
    """Refuse `fab -H a,b TASK`: Fabric would run the whole task once for each host.

    Raises SettingsError.
    """
    fabric = sys.modules.get("fabric")
    if fabric is not None and isinstance(c, fabric.Connection):
        raise SettingsError("-H, --hosts: not supported; fabric.yaml names the hosts. Nothing was done.")


def as_typed(argv: Sequence[str], environment: Mapping[str, str]) -> str:
    """Return the command line that does the same again, quoted for a shell.

    `environment`: the variables that override settings; they stand in front.
    """
    program = Path(argv[0])
    name = ["python", "-m", program.parent.name] if program.name == "__main__.py" else [program.name]
    variables = [f"{key}={shlex.quote(value)}" for key, value in sorted(environment.items())]
    typed = " ".join([*variables, shlex.join([*name, *argv[1:]])])
    # Bytes that are no UTF-8 could be written to no file.
    return typed.encode("utf-8", "replace").decode()
