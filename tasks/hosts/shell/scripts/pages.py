"""Ask a site for pages and for the static files that they name; imported by `hosts.pages`, and run on a host by `serving`.

Sources: HTML Living Standard, "Attributes" (those with URLs), "Parsing a srcset attribute"; URL Standard, "Percent-encoded
bytes"; RFC 9110, sections 15.4 (redirects) and 5.3 (headers).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

Get = Callable[[str], "tuple[int, Mapping[str, str], bytes]"]  # of a path; header names in lower case; raises OSError
Missing = Callable[[Sequence[str]], Mapping[str, str]]  # of paths: what each of those that are not served answers

REDIRECTS = 5
LONGEST = 100  # characters of a header that are shown
SECRET = ("set-cookie", "cookie", "authorization", "proxy-authorization")  # headers whose values are never shown
NAMING = ("href", "xlink:href", "src", "poster", "data", "content")
SETS = ("srcset", "imagesrcset")
IN_A_SET = re.compile(r"[\s,]*(\S+)")
AFTER_ONE = re.compile(r"[^,(]*(?:\([^)]*\)[^,(]*)*")  # its descriptors
STYLED = re.compile(r"url\(\s*(?:\"([^\"]*)\"|'([^']*)'|([^\"')\s]+))\s*\)")


def faults(pages: Sequence[Mapping[str, Any]], get: Get, missing: Missing, static: str, hosts: Sequence[str]) -> dict[str, str]:
    """Return what is wrong with each page that is not as expected, by its path.

    `pages`: each with `path`, `status` and `text` or None, and `headers`, pairs of a name and a text that it contains; `static`:
    the path of STATIC_URL; `hosts`: the site's own names, its domain first.
    """
    found, named = {}, {}
    for page in pages:
        path = page["path"]
        try:
            wrong, files = ask(page, get, static, hosts)
        except OSError as error:
            wrong, files = str(error), ()
        named[path] = files
        if wrong:
            found[path] = wrong
    unserved = missing(sorted({name for files in named.values() for name in files}))
    for path, files in named.items():
        gone = [f"{name} ({unserved[name]})" for name in files if name in unserved]
        if gone and path not in found:
            more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
            found[path] = f"names static files that are not served: {', '.join(gone[:3])}{more}"
    return found


def ask(page: Mapping[str, Any], get: Get, static: str, hosts: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return what is wrong with a page, or "", and the static files that it names; raises OSError."""
    path, wanted, text = page["path"], page["status"], page["text"]
    here = path
    for _ in range(REDIRECTS + 1):
        status, headers, body = get(sent(here))
        onward = target(here, headers.get("location", ""), hosts) if status in (301, 302, 303, 307, 308) else None
        if wanted is not None or onward is None:
            break
        here = onward
    else:
        return f"more than {REDIRECTS} redirects, the last to {here}", ()
    via = "" if here == path else f" (redirected to {here})"
    if status != wanted if wanted is not None else status >= 500:
        return f"answered {status}{via}" + (f", not {wanted}" if wanted is not None else ""), ()
    content = body.decode(errors="replace")
    if text is not None and text not in content:
        return f"answered {status}{via} without the text {text!r}", ()
    for name, part in page["headers"]:
        held = headers.get(name.lower())
        if held is None:
            return f"answered {status}{via} without the header {name}", ()
        if part not in held:
            shown = name if name.lower() in SECRET else f"{name}: {held[:LONGEST]}"
            return f"answered {status}{via} with {shown}, without {part!r}", ()
    html = "html" in headers.get("content-type", "html")
    return "", tuple(named_files(content, here, static, hosts)) if html else ()


def sent(path: str) -> str:
    """Return a path as a browser sends it: blanks and what is not ASCII are quoted, what is quoted already stays."""
    return quote(path, safe="!$%&'()*+,-./:;=?@[\\]^_|~")


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case; a site may send several of a name: their values stand side by side."""
    found: dict[str, str] = {}
    for name, value in headers:
        known = found.get(name.lower())
        found[name.lower()] = value if known is None else f"{known}, {value}"
    return found


def target(here: str, location: str, hosts: Sequence[str]) -> str | None:
    """Return the path of a redirect within the site; None for one that leads elsewhere."""
    split = urlsplit(urljoin(f"//{hosts[0]}{here}", location)) if location else None
    if split is None or split.scheme not in ("", "http", "https") or split.hostname not in hosts:
        return None
    return (split.path or "/") + (f"?{split.query}" if split.query else "")


def named_files(html: str, here: str, static: str, hosts: Sequence[str]) -> list[str]:
    """Return the paths of the static files that a page names, each once."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    base = urljoin(f"https://{hosts[0]}{here}", reader.base)
    found: dict[str, None] = {}
    # Where STATIC_URL is the top of another host, no path tells one of its files from a page of the site, or from any other text.
    names = hosts if static != "/" else hosts[1:]
    for url in reader.urls:
        try:
            split = urlsplit(urljoin(base, url.strip()))
        except ValueError:  # a broken URL names nothing
            continue
        # A folder, or a template of the browser's, is completed by a script.
        whole = not split.path.endswith("/") and "{" not in split.path
        if whole and split.scheme in ("http", "https") and split.hostname in names and split.path.startswith(static):
            found[sent(split.path)] = None
    return list(found)


class Reader(HTMLParser):
    """Collect the URLs of a page: of attributes, of styles, and of import maps."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base = ""
        self.urls: list[str] = []
        self._text = ""  # what the text of the current element is: "style", "importmap", or ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the URLs of attributes."""
        values = {name: value or "" for name, value in attrs}
        if tag == "base" and not self.base:
            self.base = values.get("href", "")
        elif tag != "param":
            self.urls += [values[name] for name in NAMING if values.get(name)]
        for name in SETS:
            self.urls += candidates(values.get(name, ""))
        self.urls += styled(values.get("style", ""))
        self._text = "style" if tag == "style" else "importmap" if (tag, values.get("type")) == ("script", "importmap") else ""

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        self._text = ""

    def handle_data(self, data: str) -> None:
        """Collect the URLs of styles and of import maps."""
        if self._text == "style":
            self.urls += styled(data)
        elif self._text == "importmap":
            try:
                self.urls += list(texts(json.loads(data)))
            except ValueError:  # browsers ignore such a map
                return


def candidates(text: str) -> Iterator[str]:
    """Return the URLs of a srcset, which may contain commas."""
    at = 0
    while match := IN_A_SET.match(text, at):
        url, at = match[1].rstrip(","), match.end()
        if url:
            yield url
        if url == match[1] and (rest := AFTER_ONE.match(text, at)):
            at = rest.end()


def styled(css: str) -> list[str]:
    """Return the URLs in a text of CSS."""
    return ["".join(groups) for groups in STYLED.findall(css)]


def texts(value: object) -> Iterator[str]:
    """Return all texts that are values in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
