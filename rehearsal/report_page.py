"""The page that `ship --report` wrote, with what the visitors met."""

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from .traffic import Request

_PLACE = re.compile(r'<!-- requests --><p class="unknown">.*?</p>', re.DOTALL)


def add_requests(page: Path, requests: Sequence[Request]) -> None:
    """Put the visitors' requests and errors in the place that the page has for them."""
    if not page.is_file():
        return
    text = page.read_text(encoding="utf-8")
    page.write_text(_PLACE.sub(lambda _: _section(requests), text, count=1), encoding="utf-8")


def _section(requests: Sequence[Request]) -> str:
    kinds = Counter((r.kind, r.version or "-", str(r.status or "no answer"), r.problem) for r in requests)
    failed = sum(1 for r in requests if r.problem)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in (*kind, str(number)))}</tr>"
        for kind, number in sorted(kinds.items())
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("kind", "release", "status", "problem", "requests"))
    return (
        f'<p class="{"bad" if failed else "good"}">{len(requests)} requests of visitors, {failed} failed.</p>'
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cells(*texts: str) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in texts)
