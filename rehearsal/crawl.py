"""Find the pages of a site that visitors then ask for, from where its own links lead."""

from collections import deque
from collections.abc import Sequence
from urllib.parse import urlsplit

from . import links
from .traffic import Answer, Site, Visitor

LIMIT = 40  # pages that are looked at
PATIENCE = 60.0  # seconds: the first page of each kind is the slowest, and nobody waits for it yet
_TYPE = "text/html"
_LAST = ("logout", "signout", "sign-out", "log-out")  # links that end a visit


def crawl(site: Site, begin: Sequence[str]) -> tuple[list[str], list[Answer]]:
    """Return the pages of a site that answer 200 with HTML, and the answers that are none of a working page.

    `begin`: paths; what they name themselves belongs to the result even if it answers something else.
    """
    visitor, waiting, seen = Visitor(site, 0.0, PATIENCE), deque(begin), set(begin)
    pages: list[str] = []
    wrong: list[Answer] = []
    while waiting and len(pages) + len(wrong) < LIMIT:
        page = waiting.popleft()
        answer = visitor.page(page)
        if answer.why or answer.status >= 500:
            wrong.append(answer)
        elif page in begin or (answer.status == 200 and _TYPE in answer.headers.get("content-type", "")):
            pages.append(page)
        for path in sorted(_onward(site, answer)):
            if path not in seen:
                seen.add(path)
                waiting.append(path)
    return pages, wrong


def _onward(site: Site, answer: Answer) -> set[str]:
    """Return the paths of the site's own pages that a page links to."""
    found: set[str] = set()
    if _TYPE not in answer.headers.get("content-type", ""):
        return found
    for link in links.of_page(answer.body.decode(errors="replace")).pages:
        parts = urlsplit(links.joined(answer.url, link))
        own = parts.hostname == site.domain or f"{parts.scheme}://{parts.netloc}" == site.balancer
        if own and not parts.query and not any(word in parts.path.lower() for word in _LAST):
            found.add(parts.path or "/")
    return found
