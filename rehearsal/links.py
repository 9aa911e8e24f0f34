"""What a page names: files for its own display, and pages that a visitor may go on to."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urljoin

# Attributes that make a browser fetch a file at once.
_FETCHED = {
    "img": ("src", "srcset"),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "manifest", "apple-touch-icon", "mask-icon", "shortcut"}


@dataclass
class Links:
    """Files and pages, as a page names them: without fragments, and without what is no address."""

    files: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)


def of_page(text: str) -> Links:
    """Return what a page names."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.links


def joined(base: str, link: str) -> str:
    """Return the address to which a link leads, as a browser sends it; "" for a link that is none, which leads nowhere."""
    try:
        return quote(urljoin(base, link.strip()), safe="!#$%&'()*+,-./:;=?@[\\]^_|~")
    except ValueError:
        return ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links = Links()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value.strip() for name, value in attrs if value}
        for name in _FETCHED.get(tag, ()):
            for url in _candidates(given.get(name, "")) if name == "srcset" else [given.get(name, "")]:
                _add(self.links.files, url)
        if tag == "link" and _RELATIONS & set(given.get("rel", "").lower().split()):
            _add(self.links.files, given.get("href", ""))
        if tag == "a":
            _add(self.links.pages, given.get("href", ""))


def _candidates(srcset: str) -> list[str]:
    """Return the addresses of a srcset; each may have a width or a density behind it."""
    return [part.split()[0] for part in srcset.split(", ") if part.split()]


def _add(found: set[str], url: str) -> None:
    address = url.partition("#")[0]
    if address and ":" not in address.split("/")[0].replace("http:", "").replace("https:", ""):
        found.add(address)
