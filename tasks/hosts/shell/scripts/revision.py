"""Run a management command of a revision that is not checked out; with the site's own Python, in its checkout.

The revision is written beside the checkout, with links to the untracked files there (secrets, REVISION, an SQLite file): it
finds what it would find in the checkout. Packages that the site lacks are installed beside it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def main(sha: str, git: str, manage: str, arguments: list[str], requirements: list[str], hasher: str, installed: str) -> None:
    """Run it and exit with its code.

    `git`: the .git folder; `manage`, `requirements`: relative to the checkout; `hasher`: the program that prints the
    hash of requirement files; `installed`: the hash of the site's.
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
    """Remove the files that this run or an earlier run has written."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def output_of(*command: str, folder: str | None = None) -> bytes:
    """Return the output of a command; raises CalledProcessError."""
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE).stdout


def lay_out(sha: str, here: str, tree: str) -> None:
    """Write a commit into a folder, and links to the untracked files of the checkout."""
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
    """Install packages that a revision needs and the site lacks into a folder; return whether there were any."""
    found = output_of(sys.executable, "-c", hasher, folder=tree).split()[-1].decode()
    if found == installed:
        return False
    wanted = [word for name in requirements for word in ("-r", name)]
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    planned = subprocess.run([*pip, "--dry-run", "--no-index", *wanted], cwd=tree, capture_output=True)
    if not planned.returncode and b"Would install" not in planned.stdout:
        return False
    subprocess.run([*pip, "--quiet", "--target", packages, *wanted], check=True, cwd=tree, stdout=sys.stderr)
    return True
