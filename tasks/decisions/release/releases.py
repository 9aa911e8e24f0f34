"""A release: what is deployed on the management instance, and which hashed files it brought."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ..answers import json_object

MARK = "ramped-manifest:"


@dataclass(frozen=True)
class Release:
    """A verified revision on the management instance."""

    revision: str  # full sha
    instance_id: str
    added: tuple[str, ...]  # below static.url: the hashed files that this release added, such as "css/shop.4f2a.css"


@dataclass(frozen=True)
class Manifest:
    """What the site itself says about its static files."""

    url: str  # STATIC_URL, which may be absolute
    files: tuple[str, ...]  # hashed names
    hashed: bool  # whether the storage names files by their content at all
    problem: str = ""  # why the manifest could not be read
    before: tuple[str, ...] = field(default=())  # hashed names before this release, where they were remembered
    unarchived: str = ""  # why the names could not be archived beside STATIC_ROOT

    @property
    def path(self) -> str:
        """The path part of STATIC_URL: what the instance itself serves when a CDN stands in front."""
        return "/" + urlsplit(self.url).path.strip("/") + "/" if urlsplit(self.url).path.strip("/") else "/"


def read_manifest(printed: str) -> Manifest | None:
    """Find the answer of the manifest query among whatever else the site printed; None when it is not there."""
    lines = [line for line in printed.split("\n") if line.startswith(MARK)]
    if not lines:
        return None
    told = json_object(lines[-1].removeprefix(MARK))
    if told is None or not {"url", "files", "hashed", "problem", "before", "unarchived"} <= set(told):
        return None
    return Manifest(
        url=str(told["url"]),
        files=_names(told["files"]),
        hashed=bool(told["hashed"]),
        problem=str(told["problem"]),
        before=_names(told["before"]),
        unarchived=str(told["unarchived"]),
    )


def added(manifest: Manifest) -> tuple[str, ...]:
    """Return the hashed files that the release has and the one before it had not, in order."""
    return tuple(sorted(set(manifest.files) - set(manifest.before)))


def url_path(base: str, name: str) -> str:
    """Return the path to request for a static file, quoted once, just as Django's `static()` writes it into pages.

    `base`: static.url; `name`: as the manifest names it. Source: Django, `filepath_to_uri` in django/utils/encoding.py.
    """
    return base + quote(name.replace("\\", "/"), safe="/~!*()'", errors="surrogateescape").lstrip("/")


def named_file(files: Iterable[str]) -> str | None:
    """Choose the file to ask an instance for, to see that it knows the new ones: a stylesheet or script if there is one."""
    ordered = sorted(files, key=lambda name: (not name.endswith((".css", ".js")), name))
    return ordered[0] if ordered else None


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()
