"""Find the static files that the manifests of other tools name; a part of `manifest`, which is executed there.

Only what a tool's own settings lead to is known to be a file of the release, whether it is there or not: by django-vite,
django-webpack-loader and django-compressor. All else counts where such a file is there, for no page need ask for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Set
from html import unescape
from typing import Any
from urllib.parse import unquote, urlsplit

NAMED = re.compile(r"\.([0-9a-f]{12})\.[^/]*$")  # django-compressor, compressor/base.py: the SHA256 of the content
TAG = re.compile(r"<(?:link|script)\b[^<>]*?\s(?:href|src)=[\"']([^\"'{}]+)[\"'][^<>]*>")
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
    known, compressed = prefixes(root), compressors()
    found: dict[str, str] = {}
    for path in storage.manifests_of_others():
        place = os.path.realpath(path)
        try:
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
        except (OSError, ValueError):
            continue  # nothing can be named by it either
        folders = known.get(place, set())
        sure = place == compressed or len(folders) == 1
        names = names_in(content, root, folders or set().union({""}, *known.values()), sure)
        found.update(digests(sorted(names - set(storage.hashed_files.values())), root, collected, place == compressed))
    return found


def names_in(content: Any, root: str, folders: Set[str], known: bool) -> set[str]:
    """Return what a manifest names, relative to the static root. Args: folders: of its names. known: by the tool's settings."""
    bases, found = addresses(), set()
    for text, sure in texts(content):
        base = next((base for base in bases if text.startswith(base)), None)
        if base is not None:
            names = [unquote(re.split("[?#]", text[len(base) :])[0])]
        else:
            names = [os.path.join(folder, text) for folder in folders] if is_relative(text) else []
        for name in map(os.path.normpath, names):
            if (known and sure and base != "/") or os.path.isfile(os.path.join(root, name)):
                found.add(name)
    return {name for name in found if is_relative(name) and name not in (".", "..") and not name.startswith("../")}


def is_relative(text: str) -> bool:
    """Return whether a text can be the name of a file below a folder."""
    try:
        return bool(text.encode()) and "\0" not in text and not text.startswith("/") and not urlsplit(text).scheme
    except ValueError:  # letters that no file name has, or half an address
        return False


def texts(content: Any) -> Iterator[tuple[str, bool]]:
    """Yield the names and addresses in a manifest, and whether each is that of a file where its tool is known."""
    entries = list(content.values()) if isinstance(content, dict) else []
    if entries and all(isinstance(entry, dict) and isinstance(entry.get("file"), str) for entry in entries):
        # Vite, "Backend Integration".
        for entry in entries:
            yield from ((name, True) for key in ("file", "css", "assets") for name in strings(entry.get(key)))
    elif isinstance(content, dict) and isinstance(content.get("chunks"), dict):
        # webpack-bundle-tracker, README, "Usage".
        assets = content.get("assets")
        assets = assets if isinstance(assets, dict) else {}
        lists = [chunk for chunk in content["chunks"].values() if isinstance(chunk, list)]
        listed = [
            (assets.get(item, {"name": item}) if isinstance(item, str) else item, True) for chunk in lists for item in chunk
        ]
        for asset, sure in [*listed, *((asset, False) for asset in assets.values())]:
            name, address = (asset.get(key) if isinstance(asset, dict) else None for key in ("name", "publicPath"))
            if isinstance(name, str) and not name.endswith(LEFT):
                yield (address if isinstance(address, str) and address not in ("", "auto") else name), sure
    else:
        for text in strings(content):
            yield text, False
            yield from ((unescape(address), True) for address in TAG.findall(text))
            yield from ((address, False) for address in addresses_in(text))


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


def prefixes(root: str) -> dict[str, set[str]]:
    """Return by manifest the folders below STATIC_ROOT that its tool writes to, by the settings of the tool.

    Sources: django-vite, README, "Configuration"; django-webpack-loader, README, "Configuring the settings file".
    """
    from django.apps import apps
    from django.conf import settings

    found: dict[str, set[str]] = {}

    def note(path: Any, folder: Any) -> None:
        found.setdefault(os.path.realpath(str(path)), set()).add(str(folder or "").strip("/"))

    if apps.is_installed("django_vite"):
        usual = getattr(settings, "DJANGO_VITE_STATIC_URL_PREFIX", ""), getattr(settings, "DJANGO_VITE_MANIFEST_PATH", None)
        for app, config in (getattr(settings, "DJANGO_VITE", None) or {"default": {}}).items():
            given = config if isinstance(config, dict) else config._asdict()
            folder = given.get("static_url_prefix") or (usual[0] if app == "default" else "")
            path = given.get("manifest_path") or (usual[1] if app == "default" else None)
            note(path or os.path.join(root, str(folder).strip("/"), "manifest.json"), folder)
    if apps.is_installed("webpack_loader"):
        for config in (getattr(settings, "WEBPACK_LOADER", None) or {"DEFAULT": {}}).values():
            note(config.get("STATS_FILE", "webpack-stats.json"), config.get("BUNDLE_DIR_NAME", "webpack_bundles"))
    return found


def compressors() -> str:
    """Return where django-compressor has the manifest of offline compression, or "".

    Source: django-compressor, "Settings", COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS.
    """
    from django.apps import apps
    from django.conf import settings

    if not apps.is_installed("compressor"):
        return ""
    from compressor.storage import default_offline_manifest_storage

    try:
        return os.path.realpath(str(default_offline_manifest_storage.path(settings.COMPRESS_OFFLINE_MANIFEST)))
    except NotImplementedError:
        return ""


def digests(names: Iterable[str], root: str, collected: bool, claim: bool) -> dict[str, str]:
    """Return the beginning of the MD5 or SHA256 of each file.

    `claim`: that in its name, where half of those of this manifest are hashes: so a file that was cut short on the disk is seen.
    """
    sums = {name: hashes((source(name) if collected else None) or os.path.join(root, name)) for name in names}
    claims = {name: match[1] for name in sums if claim and (match := NAMED.search(name))}
    fit = [name for name, begin in claims.items() if any(one.startswith(begin) for one in sums[name])]
    if not fit or 2 * len(fit) < len(claims):
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
    except (OSError, ValueError):
        return ()
    return md5.hexdigest(), sha256.hexdigest()
