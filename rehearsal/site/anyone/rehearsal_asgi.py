"""The same for a site that is ASGI."""

from collections.abc import Awaitable, Callable
from typing import Any

import rehearsal_worker

_site = rehearsal_worker.application()


async def application(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Awaitable[None]]) -> None:
    """Answer as the site does."""
    rehearsal_worker.begin(scope.get("path", ""))

    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            ours = [(name.lower().encode(), value.encode()) for name, value in rehearsal_worker.headers()]
            message = {**message, "headers": [*message.get("headers", []), *ours]}
        await send(message)

    await _site(scope, receive, sent)
