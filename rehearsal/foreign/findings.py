"""What a release of somebody's site has left behind, that visitors have not met yet."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..sandbox import Refusal
from ..traffic import Request
from .existing import Existing

# Names that bundlers and packagers give the file from which code learns the names of others.
MANIFESTS = ("manifest.json", "staticfiles.json", "asset-manifest.json", "webpack-stats.json", ".vite/manifest.json")
_OF_AN_APP = {"icons", "start_url", "short_name"}  # a web app's manifest, which is for browsers
SLOW = 10.0  # seconds of the processor until a worker has loaded the site
GROWN = 1.5  # by which factor a worker may need more memory than that of the old release


def manifests(static: Path) -> Iterator[str]:
    """Yield a finding for each file in the shared folder by which code names files: the next release replaces it for all."""
    for name in MANIFESTS:
        for path in sorted(static.rglob(name)):
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(content, dict) and not _OF_AN_APP & content.keys():
                where = path.relative_to(static)
                yield (
                    f"STATIC_ROOT holds {where}, by which code names files: old code that starts later reads the new one."
                    " Keep it in the checkout (manifest_path of django-vite, or"
                    " COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS of django-compressor)"
                )


def migrated(project: Existing, disk: Path) -> Iterator[str]:
    """Yield a finding where the database that serves lacks migrations of the new release; `disk`: of a host's settings."""
    for alias in project.settings["app"].get("databases", ["default"]):
        try:
            project.manage(project.top / "new-venv", project.tree, disk, "migrate", "--check", f"--database={alias}")
        except Refusal as error:
            said = str(error).splitlines()[-1].strip(" |")
            yield f"the database {alias} that serves lacks migrations of the new release: {said}"


def workers(requests: Sequence[Request]) -> tuple[list[tuple[str, int, str, str]], list[str]]:
    """Return a row for each release (workers, memory, seconds to load), and what is too slow or too large."""
    rows, found = [], []
    largest: dict[str, float] = {}
    for version in ("v1", "v2"):
        seen = {parts[0]: parts for r in requests if r.version == version and len(parts := r.worker.split()) == 3}
        if not seen:
            continue
        memory = max(int(r.worker.split()[1]) for r in requests if r.version == version and len(r.worker.split()) == 3) / 1024
        load = max(float(parts[2]) for parts in seen.values())
        largest[version] = memory
        rows.append((version, len(seen), f"{memory:.0f} MiB", f"{load:.1f} s"))
        if load > SLOW and version == "v2":
            found.append(f"a worker takes {load:.0f} s of the processor to load the site: longer than most health checks wait")
    if len(largest) == 2 and largest["v2"] > GROWN * largest["v1"]:
        found.append(f"a worker needs {largest['v2']:.0f} MiB, and needed {largest['v1']:.0f} MiB in the old release")
    return rows, found
