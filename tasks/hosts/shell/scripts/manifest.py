"""Print the site's manifest of static files; in `manage.py shell -c`."""

from __future__ import annotations

import json
import os
from typing import Any


def main(mark: str, keep: str, write: bool, archive: str, others: str) -> None:
    """Print a marked line of JSON.

    `keep`: the file of the names from before this release; `write`: create it from the current names, once: a
    repeated run must still know the earlier names; `archive`: the revision under which the names are archived beside
    STATIC_ROOT, or ""; `others`: the program `others`, or "" where tools have still to write their manifests.
    """
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage as storage
    from django.core.exceptions import ImproperlyConfigured

    problem, names, hashed, unarchived = "", [], True, ""
    try:
        hashed = hasattr(storage, "hashed_files")
        names = sorted(set(storage.hashed_files.values())) if hashed else []
    except (ImproperlyConfigured, ValueError, TypeError, LookupError, OSError) as error:
        # Printed, not raised: before the very first collectstatic a missing manifest is no error.
        problem = str(error) or type(error).__name__
    named = named_by_others(others, storage, bool(archive)) if hashed and not problem else None
    before = remembered(keep, [*names, *there(settings.STATIC_ROOT, named or {})] if write else None)
    if archive and hashed and not problem:
        new = {"json": {new for old, new in storage.hashed_files.items() if new != old}}
        if named is not None:
            # Collected files stay while a release has them, whatever other release's tools have named them.
            new = {"collected": set(storage.hashed_files), "others": set(named), **new}
        try:
            for kind in new:  # the names of the release itself last: without the rest, files of others are only kept
                archive_names(settings.STATIC_ROOT, f"{archive}.{kind}", new[kind])
        except OSError as error:
            unarchived = str(error)
    answer = {
        "url": settings.STATIC_URL,
        "files": names,
        "hashed": hashed,
        "problem": problem,
        "before": before,
        "unarchived": unarchived,
        # Of our storages alone.
        "circular": getattr(storage, "circular_files", {}) if hashed and not problem else {},
        "unhashed": getattr(storage, "unhashed_references", {}) if hashed and not problem else {},
        "others": named or {},
    }
    print("\n" + mark + json.dumps(answer), flush=True)


def named_by_others(program: str, storage: Any, collected: bool) -> dict[str, str] | None:
    """Return what the program `others` finds."""
    parts: dict[str, Any] = {}
    exec(program, parts)
    found: dict[str, str] | None = parts["named"](storage, collected) if program else None
    return found


def there(static_root: str, names: dict[str, str]) -> list[str]:
    """Return those of the names that are files: an earlier release has brought them."""
    return [name for name in names if os.path.isfile(os.path.join(static_root, name))]


def remembered(keep: str, names: list[str] | None) -> list[str]:
    """Return the earlier names, recording the current names unless that was done already."""
    if names is not None and not os.path.exists(keep):
        os.makedirs(os.path.dirname(keep), exist_ok=True)
        with open(keep + ".new", "w") as file:
            json.dump(names, file)
        os.replace(keep + ".new", keep)
    if not os.path.exists(keep):
        return []
    with open(keep) as file:
        found: list[str] = json.load(file)
    return found


def archive_names(static_root: str, name: str, names: set[str]) -> None:
    """Add the names of a release to an archive of it beside the static root."""
    root = os.path.abspath(static_root)
    folder = os.path.join(os.path.dirname(root), "." + os.path.basename(root) + ".releases")
    path = os.path.join(folder, name)
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(path):
        with open(path) as file:
            names.update(json.load(file))
    with open(path + ".new", "w") as file:
        json.dump(sorted(names), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)
