"""What a release of somebody's site has left behind, that visitors have not met yet."""

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import installation
from ..sandbox import Refusal
from ..traffic import Request
from .commands import git, run
from .existing import Existing

SCANNER = installation.SNIPPETS / "systemd/ramped-scan"
SLOW = 10.0  # seconds of the processor until a worker has loaded the site
# How `init`, our storage and Django name a static file that is not there.
_LACKING = re.compile(
    r"names the static file (.+), which collectstatic|'([^']+)' is not in the static files manifest|manifest entry for '([^']+)'"
)
_UNAPPLIED = re.compile(r"^\[ \]  (\S+)", re.M)
DIGEST = 10  # characters, by which the tag names migrations that are too many for it
CROWDED = 4.0  # programs for each processor, above which durations say nothing of a site
GROWN = 1.5  # by which factor a worker may need more memory than that of the old release


def manifests(shared: Path) -> Iterator[str]:
    """Yield a finding for each JSON file of STATIC_ROOT that workers read for themselves; `shared`: what hosts share.

    By such files code names others, and the next release replaces them for all.
    """
    noted = shared / "read"
    for name in sorted(set(noted.read_text(encoding="utf-8").splitlines())) if noted.exists() else ():
        yield (
            f"the site reads {name} in STATIC_ROOT: old code that starts later reads the new release's. Keep it in the checkout"
            " (manifest_path of django-vite, COMPRESS_OFFLINE_MANIFEST_STORAGE_ALIAS of django-compressor)"
        )


def overloaded(load: float, processors: int) -> str:
    """Return what a load of this machine says of the rehearsal, or ""; `load`: programs that run or want to."""
    if load < CROWDED * processors:
        return ""
    return (
        f"this machine is busy: {load:.0f} programs want to run on {processors} processors. What had no answer in time, or was"
        " not healthy in time, may have no other cause: rehearse again when it is idle"
    )


def lasting(found: Sequence[str], shared: Path) -> Iterator[str]:
    """Yield what `init` has found, except static files that are there since the build; `shared`: what hosts share."""
    for line in found:
        lacking = _LACKING.search(line)
        if lacking is None or not (shared / "static" / next(filter(None, lacking.groups()))).is_file():
            yield line


def secrets(tree: Path, name: str) -> Iterator[str]:
    """Yield what looks like a secret in the new release's files, which are in every image; `name`: of the site."""
    with tempfile.TemporaryDirectory(prefix="ramped-scan-") as folder:
        place = f"{folder}/srv/{name}/"
        git(tree, "checkout-index", "--all", f"--prefix={place}")
        said = run(sys.executable, "-I", SCANNER, f"--root={folder}", cwd=tree, what=SCANNER.name)
        for found in json.loads(said)["found"]:
            yield f"in every image: {found['path'].removeprefix(place)} ({found['kind']})"


def migrated(project: Existing, disk: Path, waiting: str) -> Iterator[str]:
    """Yield a finding where a database that serves lacks migrations of the new release, except those that wait for `contract`.

    `disk`: of a host's settings; `waiting`: the tag of the management instance that names what waits.
    """
    for alias in project.settings["app"].get("databases", ["default"]):
        plan = ("showmigrations", "--plan", "--no-color", f"--database={alias}")
        try:
            said = project.manage(project.top / "new-venv", project.tree, disk, *plan)
        except Refusal as error:
            yield f"whether the database {alias} that serves lacks migrations of the new release is unknown: {_short(error)}"
            continue
        prefix = "" if alias == "default" else f"{alias}:"
        if lacking := [name for name in _UNAPPLIED.findall(said) if not _waits(f"{prefix}{name}", waiting)]:
            yield f"the database {alias} that serves lacks migrations of the new release: {', '.join(lacking)}"


def _short(error: Refusal) -> str:
    return str(error).splitlines()[-1].strip(" |")


def _waits(name: str, waiting: str) -> bool:
    words = waiting.split()
    return name in words or hashlib.sha256(name.encode()).hexdigest()[:DIGEST] in words


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
