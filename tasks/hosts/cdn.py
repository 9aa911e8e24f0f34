"""What a visitor gets from the CDN: asked from here, without SSH."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

WIDTH = 8
TIMEOUT = 20.0  # seconds


def failures(
    base: str, paths: Sequence[str], seen: Callable[[str], None], judge: Callable[[str, bytes], str] | None = None
) -> dict[str, str]:
    """Ask for every path below a base URL; return what is wrong by path.

    `seen` is shown the progress; `judge(path, body)`: what is wrong with a body, or "". Without it only the heads are asked for,
    with it whole files, which the CDN then keeps.
    """
    wrong: dict[str, str] = {}
    with ThreadPoolExecutor(WIDTH) as pool:
        asked = {pool.submit(_ask, base.rstrip("/"), path, judge): path for path in paths}
        for number, future in enumerate(as_completed(asked), 1):
            answer = future.result()
            if answer:
                wrong[asked[future]] = answer
            if number % 100 == 0:
                seen(f"{number} of {len(paths)} asked, {len(wrong)} wrong")
    return wrong


def _ask(base: str, path: str, judge: Callable[[str, bytes], str] | None) -> str:
    request = urllib.request.Request(base + path, method="GET" if judge else "HEAD", headers={"User-Agent": "ramped"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return judge(path, answer.read()) if judge else ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"{error.code} {error.reason}".strip()
    except http.client.HTTPException as error:
        return f"no whole answer: {type(error).__name__}"
    except OSError as error:
        return str(getattr(error, "reason", error))
