"""What a visitor gets from the CDN: asked from here, without SSH."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

WIDTH = 8
TIMEOUT = 20.0  # seconds


def failures(base: str, paths: Sequence[str], seen: Callable[[str], None]) -> dict[str, str]:
    """Ask for every path below a base URL; return what is wrong by path.

    `seen` is shown the progress.
    """
    wrong: dict[str, str] = {}
    with ThreadPoolExecutor(WIDTH) as pool:
        asked = {pool.submit(_ask, base.rstrip("/") + path): path for path in paths}
        for number, future in enumerate(as_completed(asked), 1):
            answer = future.result()
            if answer:
                wrong[asked[future]] = answer
            if number % 100 == 0:
                seen(f"{number} of {len(paths)} asked, {len(wrong)} wrong")
    return wrong


def _ask(url: str) -> str:
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "ramped"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"{error.code} {error.reason}".strip()
    except OSError as error:
        return str(getattr(error, "reason", error))
