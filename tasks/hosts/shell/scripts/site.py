"""Print the facts about the site and its disk that a deploy needs; in `manage.py shell -c`. Changes nothing."""

from __future__ import annotations

import json
import os
import shutil


def main(mark: str) -> None:
    """Print a marked line of JSON."""
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage as storage

    root = os.path.realpath(str(settings.STATIC_ROOT or ""))
    there = root
    while not os.path.exists(there):
        there = os.path.dirname(there)
    here = os.path.realpath(os.getcwd())
    answer = {
        "static_url": str(settings.STATIC_URL),
        "static_root": root if settings.STATIC_ROOT else "",
        "writable": os.access(there, os.W_OK | os.X_OK),
        "in_checkout": os.path.commonpath([here, root]) == here,
        # Of our storages alone.
        "shared_manifests": "\n".join(storage.shared_manifests()) if hasattr(storage, "shared_manifests") else "",
        "free_static": shutil.disk_usage(there).free,
        "free_checkout": shutil.disk_usage(here).free,
    }
    print("\n" + mark + json.dumps(answer), flush=True)
