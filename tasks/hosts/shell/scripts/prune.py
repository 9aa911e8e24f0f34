"""Print the archived releases of a static root, and retire some of them; in `manage.py shell -c`.

A manifest is renamed first and removed last: after a kill in between, the next run still knows its names, and
a live manifest has all of its files. Beside the names of its own manifest (`.json`) a release has those of the files that
the manifests of other tools name (`.others`), and of all that it has collected (`.collected`); both go when the first has gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any


def main(mark: str, retire: list[str], token: str, dry: bool) -> None:
    """Print a marked line of JSON.

    `retire`: revisions; files that only they name are deleted, with leftovers of earlier runs; `token`: of the archives for
    which this was decided: nothing is deleted when they have changed; `dry`: only count.
    """
    from django.conf import settings
    from django.contrib.staticfiles.storage import staticfiles_storage as storage

    root = os.path.abspath(settings.STATIC_ROOT)
    folder = os.path.join(os.path.dirname(root), "." + os.path.basename(root) + ".releases")
    at, names = read(folder)
    seen = hashlib.sha256(json.dumps(sorted(at.items())).encode()).hexdigest()
    answer: dict[str, Any] = {"at": at, "now": time.time(), "token": seen, "done": token == seen}
    answer |= {"files": 0, "size": 0, "unlisted": []}
    if answer["done"]:
        leave = [file for file in names if file.endswith(".retired") or file[:-5] in retire]
        kept = [revision for revision in at if revision not in retire]
        aside = [file for file in names if file.endswith((".others", ".collected")) and file.rpartition(".")[0] not in kept]
        # An earlier version did not list what manifests of others name: then none of it goes.
        unlisted = [revision for revision in kept if revision + ".others" not in names]
        gone = aside if kept and not unlisted else []
        answer["unlisted"] = unlisted if aside else []
        live: set[str] = set(storage.hashed_files.values())
        doomed: set[str] = set()
        for file in names:
            if file not in leave and file not in aside:
                live |= names[file]
            elif file in leave or (file in gone and file.endswith(".others")):
                doomed |= names[file]
        leave = leave if dry else set_aside(folder, leave, retire)
        answer["files"], answer["size"] = delete(root, doomed - live, dry)
        for file in [] if dry else [*leave, *gone]:
            os.unlink(os.path.join(folder, file))
    print("\n" + mark + json.dumps(answer), flush=True)


def read(folder: str) -> tuple[dict[str, float], dict[str, set[str]]]:
    """Return when each archived release was deployed, and the names in each file of the folder."""
    at, names = {}, {}
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if file.endswith((".json", ".retired", ".others", ".collected")):
            with open(os.path.join(folder, file)) as stream:
                names[file] = set(json.load(stream))
        if file.endswith(".json"):
            at[file[:-5]] = os.stat(os.path.join(folder, file)).st_mtime
    return at, names


def set_aside(folder: str, leave: list[str], retire: list[str]) -> list[str]:
    """Rename the archives of retired releases; return the files to remove at the end."""
    for revision in retire:
        # A unique name: the release may have been retired, and deployed again, before.
        aside = revision + "." + str(time.time_ns()) + ".retired"
        os.replace(os.path.join(folder, revision + ".json"), os.path.join(folder, aside))
        leave.remove(revision + ".json")
        leave.append(aside)
    return leave


def delete(root: str, names: set[str], dry: bool) -> tuple[int, int]:
    """Delete files below the static root with their compressed copies; return how many there were, and their size."""
    files = size = 0
    for name in sorted(names):
        path = os.path.normpath(os.path.join(root, name))
        if not path.startswith(root + os.sep):
            continue
        for copy in (path, path + ".gz", path + ".br"):
            if os.path.isfile(copy):
                files += 1
                size += os.stat(copy).st_size
                if not dry:
                    os.unlink(copy)
    return files, size
