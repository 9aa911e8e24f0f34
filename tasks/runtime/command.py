"""`@command`: turn a function of a `Run` into a task of `fab` and `invoke`; no foreseeable failure ends in a traceback.

    @command(help={"revision": "the commit, tag or branch; default: the head of the branch"})
    def deploy(run: Run, revision: str | None = None) -> None:
        \"""Deploy a revision to the management instance and verify it there.\"""

The first line of the docstring is what `--list` shows, the whole of it what `--help` shows; the signature after `run` becomes
the options, dashed.
Exit texts report the changes that the edges noted (changes.py).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, overload

from invoke import Context, Task

if TYPE_CHECKING:
    from .run import Run

P = ParamSpec("P")
Body = Callable[Concatenate["Run", P], None]

# Called before the body of every command; filled by commands.py.
BEFORE_EACH: list[Callable[[Run], None]] = []


@overload
def command(function: Body[P]) -> Task[Any]: ...
@overload
def command(**options: Any) -> Callable[[Body[P]], Task[Any]]: ...
def command(function: Body[P] | None = None, **options: Any) -> Any:
    """Turn a function whose first argument is a Run into a task.

    `options`: those of `invoke.task` (`help`, `iterable`, `optional`, ...). Returns the Task.
    """
    if function is None:
        return functools.partial(command, **options)
    # `-f` must stay Invoke's own everywhere on the line, so no option gets a letter automatically.
    return Task(_with_context(function), auto_shortflags=False, **options)


def _with_context(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def body(c: Context, *args: Any, **kwargs: Any) -> None:
        from .guard import Guard
        from .output import Output
        from .run import begin

        out = Output()
        with Guard(out) as guard:
            run = begin(c, out)
            guard.know(run)
            for first in BEFORE_EACH:
                first(run)
            function(run, *args, **kwargs)

    # Invoke reads the options from the signature: the function's own, with the context instead of the run.
    _, *rest = inspect.signature(function).parameters.values()
    context = inspect.Parameter("c", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(body)["__signature__"] = inspect.Signature([context, *rest])
    return body
