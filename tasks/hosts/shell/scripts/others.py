"""Find the static files that the manifests of other tools name; a part of `manifest`, which is executed there.

Known are the manifests of Vite and of webpack-bundle-tracker; of others count addresses below STATIC_URL, and names of files
that are there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

NAMED = re.compile(r"[./_-]([0-9a-f]{12,64})\.[^/]*$")  # a name with what may be a hash of the content
LEFT = (".map", ".hot-update.js")  # what webpack lists for developers


def named(storage: Any, collected: bool) -> dict[str, str] | None:
    """Return the files below STATIC_ROOT that manifests of others name, each with the beginning of its MD5 or SHA256.

    `collected`: the sources of this checkout tell the right content, where there are any, instead of what lies in STATIC_ROOT.
    "" is that of a missing file; None: the site's storage does not know the manifests of others.
    """
    from django.conf import settings

    if not hasattr(storage, "manifests_of_others"):
        return None
    root = os.path.abspath(settings.STATIC_ROOT)
    found: dict[str, str] = {}
    for path in storage.manifests_of_others():
        try:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
        except (OSError, ValueError):
            continue  # nothing can be named by it either
        names = sorted(names_in(content, root) - set(storage.hashed_files.values()))
        found.update(digests(names, root, collected))
    return found


def names_in(content: Any, root: str) -> set[str]:
    """Return what a manifest names, relative to the static root."""
    absolute: set[str] = set()
    relative: dict[str, bool] = {}  # whether it is a file for sure
    bases = addresses()
    for text, sure in texts(content):
        base = next((base for base in bases if text.startswith(base)), None)
        if base is not None:
            name = unquote(re.split("[?#]", text[len(base) :])[0])
            if base != "/" or os.path.isfile(os.path.join(root, name)):
                absolute.add(os.path.normpath(name))
        elif sure or not re.search(r"[\s<>{}]", text):
            relative[text] = sure or relative.get(text, False)

    def there(prefix: str, name: str) -> bool:
        return os.path.isfile(os.path.join(root, prefix, name))

    relative = {name: sure for name, sure in relative.items() if name and not name.startswith("/") and not urlsplit(name).scheme}
    prefix = max(prefixes(), key=lambda one: (sum(there(one, name) for name in relative), len(one)))
    below = {os.path.normpath(os.path.join(prefix, name)) for name, sure in relative.items() if sure or there(prefix, name)}
    return {name for name in absolute | below if name != "." and name != ".." and not name.startswith(("../", "/"))}


def texts(content: Any) -> Iterator[tuple[str, bool]]:
    """Yield the names and addresses in a manifest, and whether each is that of a file for sure."""
    entries = list(content.values()) if isinstance(content, dict) else []
    if entries and all(isinstance(entry, dict) and isinstance(entry.get("file"), str) for entry in entries):
        # Vite, "Backend Integration".
        for entry in entries:
            yield from ((name, True) for name in (entry["file"], *entry.get("css", ()), *entry.get("assets", ())))
    elif isinstance(content, dict) and isinstance(content.get("chunks"), dict):
        # webpack-bundle-tracker, README, "Usage".
        assets = content.get("assets") or {}
        listed = [(assets.get(item, {"name": item}) if isinstance(item, str) else item, True)
                  for chunk in content["chunks"].values() for item in chunk]  # fmt: skip
        for asset, sure in [*listed, *((asset, False) for asset in assets.values())]:
            address = asset.get("publicPath")
            if not asset["name"].endswith(LEFT):
                yield (address if address and address != "auto" else asset["name"]), sure
    else:
        for text in strings(content):
            yield text, False
            yield from ((address, True) for address in addresses_in(text))


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a value of JSON, but not the keys of objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def addresses() -> list[str]:
    """Return with what the address of a static file begins, the longest first."""
    from django.conf import settings

    known = {str(settings.STATIC_URL), urlsplit(str(settings.STATIC_URL)).path or "/"}
    if hasattr(settings, "COMPRESS_URL_PLACEHOLDER") and str(settings.COMPRESS_URL) in known:
        # django-compressor, "Settings", COMPRESS_URL_PLACEHOLDER: what its manifest has instead of COMPRESS_URL.
        known.add(settings.COMPRESS_URL_PLACEHOLDER)
    return sorted(known, key=len, reverse=True)


def addresses_in(text: str) -> Iterator[str]:
    """Yield the addresses of static files in a piece of HTML, or in any other text."""
    begin = "|".join(re.escape(base) for base in addresses() if base != "/")
    if begin:
        yield from (unescape(match[0]) for match in re.finditer(rf"(?<![\w./:-])(?:{begin})[^\"'<>()\s\\]+", text))


def prefixes() -> set[str]:
    """Return the folders below STATIC_ROOT that tools write to."""
    from django.apps import apps
    from django.conf import settings

    found = ["", getattr(settings, "DJANGO_VITE_STATIC_URL_PREFIX", "")]
    # Their defaults are those of django-vite and of django-webpack-loader.
    for config in (getattr(settings, "DJANGO_VITE", None) or {}).values():
        given = config if isinstance(config, dict) else config._asdict()
        found.append(given.get("static_url_prefix", ""))
    if apps.is_installed("webpack_loader"):
        for config in (getattr(settings, "WEBPACK_LOADER", None) or {"DEFAULT": {}}).values():
            found.append(config.get("BUNDLE_DIR_NAME", "webpack_bundles"))
    return {str(one or "").strip("/") for one in found}


def digests(names: Iterable[str], root: str, collected: bool) -> dict[str, str]:
    """Return the beginning of the MD5 or SHA256 of each file.

    That in its name, where names of this manifest are hashes: so a file that was cut short on the disk is seen.
    """
    sums = {name: hashes((source(name) if collected else None) or os.path.join(root, name)) for name in names}
    claims = {name: match[1] for name in sums if (match := NAMED.search(name))}
    if not any(one.startswith(claim) for name, claim in claims.items() for one in sums[name]):
        claims = {}
    return {name: (claims.get(name) or found[0]) if found else "" for name, found in sums.items()}


def source(name: str) -> str | None:
    """Return from where collectstatic has copied a file."""
    from django.contrib.staticfiles import finders
    from django.core.exceptions import SuspiciousOperation

    try:
        found = finders.find(name)
    except (SuspiciousOperation, NotImplementedError):
        return None
    return str(found) if found and os.path.isfile(found) else None


def hashes(path: str) -> tuple[str, ...]:
    """Return the MD5 and the SHA256 of a file, or nothing."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                md5.update(piece)
                sha256.update(piece)
    except OSError:
        return ()
    return md5.hexdigest(), sha256.hexdigest()
