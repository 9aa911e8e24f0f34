"""`@command`: turn a function of a `Run` into a task of `fab` and `invoke`; no foreseeable failure ends in a traceback.

    @command(help={"revision": "the commit, tag or branch; default: the head of the branch"})
    def deploy(run: Run, revision: str | None = None) -> None:
        \"""Deploy a revision to the management instance and verify it there.\"""

The first line of the docstring is what `--list` shows, the whole of it what `--help` shows; the signature after `run` becomes
the options, dashed.
Exit texts report the changes that the edges noted (changes.py). `changes=True` marks a command that changes something: it gets
the option --events, hooks around it, and notices.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, overload

from invoke import Context

from .arguments import CommandTask

if TYPE_CHECKING:
    from .run import Run

P = ParamSpec("P")
Body = Callable[Concatenate["Run", P], None]

EVENTS = "append each event of the run to this file as a line of JSON; -: print them on standard output, all else on stderr"

# Called before the body of every command; filled by `commands`.
BEFORE_EACH: list[Callable[[Run], None]] = []


@overload
def command(function: Body[P]) -> CommandTask: ...
@overload
def command(**options: Any) -> Callable[[Body[P]], CommandTask]: ...
def command(function: Body[P] | None = None, *, changes: bool = False, looks: bool = False, **options: Any) -> Any:
    """Turn a function whose first argument is a Run into a task.

    `changes`: whether it changes something; `looks`: whether it only looks, and asks AWS each question once; `options`: those
    of `invoke.task` (`help`, `iterable`, `optional`, ...), and those of `CommandTask`. Returns the task.
    """
    if function is None:
        return functools.partial(command, changes=changes, looks=looks, **options)
    if changes:
        options["help"] = {**options.get("help", {}), "events": EVENTS}
    # `-f` stays Invoke's own wherever it can, so no option gets a letter automatically.
    name = options.get("name", function.__name__.replace("_", "-"))
    return CommandTask(_with_context(function, name if changes else "", looks), auto_shortflags=False, **options)


def _with_context(function: Callable[..., None], name: str, looks: bool) -> Callable[..., None]:
    """Wrap a function of a Run; `name`: of a command that changes something, empty for others; `looks`: it only looks."""

    @functools.wraps(function)
    def body(c: Context, *args: Any, events: str | None = None, **kwargs: Any) -> None:
        from .guard import Guard
        from .output import Output
        from .run import begin

        out = Output(sys.stderr if events == "-" else None)
        with Guard(out) as guard:
            run = begin(c, out)
            guard.know(run)
            run.report_to(name, events)
            with run.cloud.one_look() if looks else nullcontext():
                for first in BEFORE_EACH:
                    first(run)
                run.journal.began()
                with run.hooks.around_command(name):
                    function(run, *args, **kwargs)

    # Invoke reads the options from the signature: the function's own, with the context instead of the run.
    _, *rest = inspect.signature(function).parameters.values()
    context = inspect.Parameter("c", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    more = [inspect.Parameter("events", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)] if name else []
    vars(body)["__signature__"] = inspect.Signature([context, *rest, *more])
    return body
