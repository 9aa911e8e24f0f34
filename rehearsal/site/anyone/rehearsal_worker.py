"""What a rehearsal wants to know of a worker of somebody's site: its release, memory, start, errors, and what it reads."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import Any

Headers = list[tuple[str, str]]
# Of the request that is answered; code that Django runs in another thread has a copy with the same list.
_errors: ContextVar[list[str]] = ContextVar("errors")
_is_static: ContextVar[bool] = ContextVar("is_static", default=False)
_root = os.path.realpath(json.loads(Path(os.environ["REHEARSAL_VALUES"]).read_text())["static_root"])
_seen: set[str] = set()


def _revision() -> str:
    file = Path(os.environ["REHEARSAL_CHECKOUT"]) / "REVISION"
    return file.read_text().strip() if file.exists() else ""


def application() -> Callable[..., Any]:
    """Return the site's own application."""
    global _loaded
    module, _, name = os.environ["REHEARSAL_APPLICATION"].partition(":")
    sys.addaudithook(_heard)
    found: Callable[..., Any] = getattr(import_module(module), name)
    # Of the processor: a busy machine does not count. The part before the fork is that of the server alone.
    _loaded = time.process_time()
    return found


REVISION = _revision()
_loaded = 0.0


def begin(path: str) -> None:
    """Prepare for a request."""
    from django.conf import settings
    from django.core.signals import got_request_exception

    got_request_exception.connect(_remember, dispatch_uid="rehearsal")
    _errors.set([])
    _is_static.set(path.startswith(settings.STATIC_URL))


def headers() -> Headers:
    """Return what an answer says besides."""
    ours = [("X-Rehearsal-Release", REVISION)]
    # The kernel looks at every page of memory: of a large worker that takes longer than a file.
    if not _is_static.get():
        ours.append(("X-Rehearsal-Worker", f"{os.getpid()} {_memory()} {_loaded:.2f}"))
    errors = _errors.get([])
    return [*ours, *(("X-Rehearsal-Error", error.encode("ascii", "replace").decode()) for error in errors[:1])]


def _memory() -> int:
    """Return the memory that the process has for itself, in KiB. Source: proc(5), smaps_rollup."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def _remember(**_: Any) -> None:
    kind, error, _trace = sys.exc_info()
    if kind:
        _errors.get([]).append(f"{kind.__name__}: {error}".splitlines()[0][:300])


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    """Note each JSON file in STATIC_ROOT that the site reads for itself, not for a visitor."""
    if event != "open" or not isinstance(arguments[0], str | Path) or not str(arguments[0]).endswith(".json"):
        return
    path = os.path.realpath(arguments[0])
    if path.startswith(f"{_root}/") and path not in _seen and not _is_static.get():
        _seen.add(path)
        with Path(_root).with_name("read").open("a", encoding="utf-8") as noted:
            noted.write(f"{os.path.relpath(path, _root)}\n")
