"""The shop's git repository: a bare origin whose branch `main` is at the first release until the second one is published."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .. import installation
from . import later

SITE = Path(__file__).parent
SNIPPETS = installation.SNIPPETS / "django"
DROP_INS = ("local_manifest_storage.py", "static_middleware.py", "health.py", "health_middleware.py")
BRANCH = "main"
# The unit files of a host, by how gunicorn is started.
UNITS = {
    "socket": SITE / "systemd",
    "bound": SITE / "systemd_bound",
    "preload": SITE / "systemd_preload",
}
WORKER_UNITS = SITE / "systemd_jobs"  # beside one of these
_PYTHON_LEFTOVERS = shutil.ignore_patterns("__pycache__", "*.pyc")


def build(directory: Path, snippets: Path = SNIPPETS) -> tuple[str, str]:
    """Make `directory`/origin.git with both releases.

    Args: directory: where; made if missing. snippets: the folder of the Django drop-ins, which both releases get copies of.
    Returns: the revisions of v1, where the branch is, and of v2, which no branch has yet (see `publish`).
    Raises: subprocess.CalledProcessError, if git fails; FileExistsError, if there is an origin already.
    """
    origin_of(directory).mkdir(parents=True)
    _git(origin_of(directory), "init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
    with tempfile.TemporaryDirectory(prefix="shop-") as name:
        tree = Path(name)
        _git(tree, "init", "--quiet", f"--initial-branch={BRANCH}")
        first = _commit(tree, "v1", snippets)
        _git(tree, "push", "--quiet", str(origin_of(directory)), BRANCH)
        second = _commit(tree, "v2", snippets)
        for release, change in (("v3", later.renamed), ("v4", later.without_note), ("v5", later.narrow)):
            change(tree)
            _record(tree, release)
            _git(tree, "push", "--quiet", str(origin_of(directory)), f"{BRANCH}:refs/prepared/{release}")
        # A ref keeps the commit; outside of refs/heads it is not fetched too early.
        _git(tree, "push", "--quiet", str(origin_of(directory)), f"{second}:refs/prepared/v2")
    return first, second


def publish(directory: Path, revision: str) -> None:
    """Move the branch of `directory`/origin.git to a revision, as a push would."""
    _git(origin_of(directory), "update-ref", f"refs/heads/{BRANCH}", revision)


def prepared(directory: Path, release: str) -> str:
    """Return the revision of a release that `build` has prepared: v2, v3 (breaks old code), v4 (drops a column), v5 (dead)."""
    return _git(origin_of(directory), "rev-parse", f"refs/prepared/{release}")


def origin_of(directory: Path) -> Path:
    """Return the bare repository that `build` makes there: what `git clone` takes."""
    return directory / "origin.git"


def _commit(tree: Path, release: str, snippets: Path) -> str:
    """Write a release over the files; files that it lacks stay as in the previous release."""
    shutil.copytree(SITE / release, tree, dirs_exist_ok=True, ignore=_PYTHON_LEFTOVERS)
    for name in DROP_INS:
        shutil.copyfile(snippets / name, tree / "config" / name)
    for folder in ("migration_rules", "management"):
        shutil.copytree(snippets / folder, tree / "shop" / folder, dirs_exist_ok=True, ignore=_PYTHON_LEFTOVERS)
    return _record(tree, release)


def _record(tree: Path, release: str) -> str:
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message", f"Release {release}")
    return _git(tree, "rev-parse", "HEAD")


def _git(folder: Path, *arguments: str) -> str:
    """Run git without anybody's configuration, always as the same person at the same time: the revisions repeat."""
    person = {"NAME": "The shop's author", "EMAIL": "author@shop.example.com", "DATE": "2026-01-05T09:00:00+00:00"}
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in person.items()},
    }
    done = subprocess.run(["git", "-C", str(folder), *arguments], env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()
