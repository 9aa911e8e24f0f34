"""Print the facts about the site and its disk that a deploy needs; in `manage.py shell -c`. Changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator


def main(mark: str) -> None:
    """Print a marked line of JSON."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage as storage

    root = os.path.realpath(str(settings.STATIC_ROOT or ""))
    there, here = existing(root), os.path.realpath(os.getcwd())
    top = top_of(here)
    answer = {
        "static_url": str(settings.STATIC_URL),
        "static_root": root if settings.STATIC_ROOT else "",
        "writable": os.access(there, os.W_OK | os.X_OK),
        "in_checkout": within(root, top),
        # Of our storages alone.
        "shared_manifests": "\n".join(storage.shared_manifests()) if hasattr(storage, "shared_manifests") else "",
        "base": base_of(here, top),
        "local": "\n".join(f"{what} {path}" for what, path in stored() if local(path, top, root)),
        "free_static": shutil.disk_usage(there).free,
        "free_checkout": shutil.disk_usage(here).free,
    }
    print("\n" + mark + json.dumps(answer), flush=True)


def existing(path: str) -> str:
    """Return a path, or the nearest folder above it that is there."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def within(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies below it."""
    return os.path.commonpath([path, folder]) == folder


def top_of(folder: str) -> str:
    """Return the top of the checkout that a folder lies in."""
    top = folder
    while not os.path.exists(os.path.join(top, ".git")):
        if os.path.dirname(top) == top:
            return folder
        top = os.path.dirname(top)
    return top


def base_of(here: str, top: str) -> str:
    """Return where the site looks for REVISION, relative to here: its BASE_DIR, or the folder of manage.py."""
    from django.conf import settings

    base = os.path.realpath(str(getattr(settings, "BASE_DIR", "") or os.path.dirname(os.path.abspath(sys.argv[0]))))
    return os.path.relpath(base, here) if within(base, top) else "."


def stored() -> Iterator[tuple[str, str]]:
    """Yield what the site keeps in files: uploads, and databases of SQLite."""
    from django.conf import settings
    from django.core.files.storage import FileSystemStorage, default_storage
    from django.db import connections

    if settings.MEDIA_ROOT and isinstance(default_storage, FileSystemStorage):
        yield "MEDIA_ROOT", os.path.realpath(settings.MEDIA_ROOT)
    for alias, values in connections.settings.items():
        name = str(values.get("NAME") or "")
        if "sqlite" in values.get("ENGINE", "") and name and not name.startswith((":memory:", "file:")):
            yield f"the database {alias}", os.path.realpath(name)


def local(path: str, top: str, static_root: str) -> bool:
    """Return whether a file is on a disk of this machine alone.

    That is the checkout, and its disk where STATIC_ROOT, which machines share, is on another.
    """
    disks = [os.stat(existing(one)).st_dev for one in (path, top, static_root)]
    return within(path, top) or disks[0] == disks[1] != disks[2]
