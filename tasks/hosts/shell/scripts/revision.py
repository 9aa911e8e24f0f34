"""Run a management command of a revision that is not checked out; with the site's own Python, in its checkout.

The revision is laid out beside the checkout, with all that git does not know there (secrets, REVISION, an SQLite file): what it
finds around itself is what it would find in its place. Packages that it wants and the site has not are put beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def main(sha: str, git: str, manage: str, arguments: list[str], requirements: list[str], hasher: str, installed: str) -> None:
    """Run it and exit with its code.

    `git`: the repository's own folder; `manage`, `requirements`: relative to the checkout; `hasher`: the program that prints the
    hash of requirement files; `installed`: the hash of those that the site has.
    """
    here = os.path.realpath(os.getcwd())
    beside = os.access(os.path.dirname(here), os.W_OK)
    tree = here + ".judged" if beside else os.path.join(git, "ramped", "judged")
    packages, environment = tree + ".packages", dict(os.environ)
    clear(tree, packages)
    try:
        lay_out(sha, here, tree)
        if requirements and install(tree, packages, requirements, hasher, installed):
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [packages, environment.get("PYTHONPATH", "")]))
        code = subprocess.run([sys.executable, manage, *arguments], cwd=tree, env=environment).returncode
    except subprocess.CalledProcessError as error:
        code = error.returncode or 1
    finally:
        clear(tree, packages)
    sys.exit(code)


def clear(*folders: str) -> None:
    """Remove what an earlier run, or this one, has laid out."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def output_of(*command: str, folder: str | None = None) -> bytes:
    """Return what a command prints; raises CalledProcessError."""
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE).stdout


def lay_out(sha: str, here: str, tree: str) -> None:
    """Write a commit into a folder, and links to everything in the checkout that git does not know."""
    os.makedirs(tree)
    subprocess.run(["sh", "-c", 'git archive --format=tar "$1" | tar -x -C "$2"', "sh", sha, tree], check=True)
    others = output_of("git", "ls-files", "-z", "--others", "--directory").split(b"\0")
    staged = output_of("git", "ls-files", "-z", "--stage").split(b"\0")
    others += [line.partition(b"\t")[2] for line in staged if line.startswith(b"160000 ")]
    for name in [os.fsdecode(other).rstrip("/") for other in others if other]:
        target = os.path.join(tree, name)
        if os.path.isdir(target) and not os.listdir(target):
            os.rmdir(target)
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.path.join(here, name), target)


def install(tree: str, packages: str, requirements: list[str], hasher: str, installed: str) -> bool:
    """Install what a revision wants and the site has not into a folder; return whether there was anything."""
    found = output_of(sys.executable, "-c", hasher, folder=tree).split()[-1].decode()
    if found == installed:
        return False
    wanted = [word for name in requirements for word in ("-r", name)]
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    look = subprocess.run([*pip, "--dry-run", "--no-index", *wanted], cwd=tree, capture_output=True)
    if not look.returncode and b"Would install" not in look.stdout:
        return False
    subprocess.run([*pip, "--quiet", "--target", packages, *wanted], check=True, cwd=tree, stdout=sys.stderr)
    return True
