"""A site's own application, with the release and its worker in a header of each answer, and the error of a page that fails."""

from collections.abc import Callable, Iterable
from typing import Any

import rehearsal_worker

_site = rehearsal_worker.application()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer as the site does."""
    rehearsal_worker.begin(environ.get("PATH_INFO", ""))

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, *rehearsal_worker.headers()], *more)

    found: Iterable[bytes] = _site(environ, start)
    return found
