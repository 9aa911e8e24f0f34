"""A site's own application, with the release and its worker in a header of each answer, and the error of a page that fails."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

_now = threading.local()


def _revision() -> str:
    file = Path(os.environ["REHEARSAL_CHECKOUT"]) / "REVISION"
    return file.read_text().strip() if file.exists() else ""


def _application() -> Callable[..., Iterable[bytes]]:
    module, _, name = os.environ["REHEARSAL_APPLICATION"].partition(":")
    found: Callable[..., Iterable[bytes]] = getattr(import_module(module), name)
    return found


def _memory() -> int:
    """Return the memory that the process has for itself, in KiB. Source: proc(5), smaps_rollup."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:")))


def _remember(**_: Any) -> None:
    kind, error, _trace = sys.exc_info()
    _now.error = f"{kind.__name__}: {error}".splitlines()[0][:300] if kind else ""


REVISION = _revision()
_site = _application()
# Of the processor: a busy machine does not count. The part before the fork is that of gunicorn alone.
LOADED = time.process_time()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as the site does."""
    from django.core.signals import got_request_exception

    got_request_exception.connect(_remember, dispatch_uid="rehearsal")
    _now.error = ""

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        ours = [("X-Rehearsal-Release", REVISION), ("X-Rehearsal-Worker", f"{os.getpid()} {_memory()} {LOADED:.2f}")]
        if _now.error:
            ours.append(("X-Rehearsal-Error", _now.error.encode("ascii", "replace").decode()))
        return start_response(status, [*headers, *ours], *more)

    return _site(environ, start)
