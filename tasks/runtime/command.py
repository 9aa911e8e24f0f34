"""`@command`: a function of a `Run` becomes a task of `fab` and `invoke`; what an operator can meet never ends in a traceback.

    @command(help={"revision": "the commit, tag or branch; default: the head of the branch"})
    def deploy(run: Run, revision: str | None = None) -> None:
        \"""Put a revision on the management instance and prove it there.\"""

The first line of the docstring is what `--list` shows, the whole of it what `--help` shows; the signature after `run` becomes
the options, dashed. A task that only reads says `@command(changes=False)`.
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


@overload
def command(function: Body[P]) -> Task[Any]: ...
@overload
def command(*, changes: bool = True, **options: Any) -> Callable[[Body[P]], Task[Any]]: ...
def command(function: Body[P] | None = None, *, changes: bool = True, **options: Any) -> Any:
    """Make a task of a function whose first argument is a Run.

    `changes`: whether the task changes anything, so that being stopped half-way is worth a line; `options`: those of
    `invoke.task` (`help`, `iterable`, `optional`, ...). Returns the Task; its `body.__wrapped__` is the function.
    """
    if function is None:
        return functools.partial(command, changes=changes, **options)
    # `-f` must stay Invoke's own everywhere on the line, so no option takes a letter by itself.
    return Task(_with_context(function, changes), auto_shortflags=False, **options)


def _with_context(function: Callable[..., None], changes: bool) -> Callable[..., None]:
    @functools.wraps(function)
    def body(c: Context, *args: Any, **kwargs: Any) -> None:
        from ..operations.maintenance import mention
        from .guard import Guard
        from .output import Output
        from .run import begin

        out = Output()
        with Guard(out, changes=changes) as guard:
            run = begin(c, out)
            guard.know(run)
            mention(run)
            function(run, *args, **kwargs)

    # Invoke reads the options off the signature: the function's own, with the context in the place of the run.
    _, *rest = inspect.signature(function).parameters.values()
    context = inspect.Parameter("c", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(body)["__signature__"] = inspect.Signature([context, *rest])
    return body
