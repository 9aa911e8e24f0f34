"""Run a management command of a revision that is not checked out; with the site's own Python, in its checkout.

The revision is written beside the checkout, with links to the untracked files there (secrets, REVISION, an SQLite file): it
finds what it would find in the checkout. Where it depends on other packages than the site, they are installed in a virtual
environment of their own, which is kept for the next time.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig

KEPT = 2  # virtual environments


def main(
    sha: str,
    git: str,
    manage: str,
    arguments: list[str],
    reader: str,
    installed: str,
    installers: dict[str, str],
    own: str,
) -> None:
    """Run it and exit with its code.

    `git`: the .git folder; `manage`: relative to the checkout; `reader`: the program that says what a checkout depends on;
    `installed`: its hash for the site; `installers`: a command for each tool; `own`: the project's command instead, or "".
    """
    here = os.path.realpath(os.getcwd())
    beside = os.access(os.path.dirname(here), os.W_OK)
    tree = here + ".judged" if beside else os.path.join(git, "ramped", "judged")
    clear(tree)
    try:
        lay_out(sha, here, tree)
        python = python_for(tree, os.path.join(git, "ramped", "environments"), reader, installed, installers, own)
        code = subprocess.run([python, manage, *arguments], cwd=tree).returncode
    except subprocess.CalledProcessError as error:
        code = error.returncode or 1
    finally:
        clear(tree)
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


def python_for(tree: str, place: str, reader: str, installed: str, installers: dict[str, str], own: str) -> str:
    """Return the Python for a revision: the site's, or that of a virtual environment in a folder, made unless it is there."""
    needed = json.loads(output_of(sys.executable, "-c", reader, folder=tree))
    command = own or installers.get(needed["tool"], "")
    if needed["missing"] or not command or needed["digest"] == installed:
        return sys.executable
    folder = os.path.join(place, needed["digest"][:16])
    ready, python = os.path.join(folder, "ready"), os.path.join(folder, "bin", "python")
    if not os.path.exists(ready):
        clear(folder)
        create(folder, over_site=needed["tool"] == "pip", pip=bool(own))
        environment = {**os.environ, "VIRTUAL_ENV": folder, "UV_PROJECT_ENVIRONMENT": folder}
        environment["PATH"] = os.pathsep.join(
            [
                os.path.join(folder, "bin"),
                os.environ.get("PATH", os.defpath),
                os.path.expanduser("~/.local/bin"),
                "/usr/local/bin",
            ]
        )
        subprocess.run(["sh", "-c", command], check=True, cwd=tree, stdout=sys.stderr, env=environment)
    with open(ready, "w"):
        pass  # its time says when it was used last
    forget(place)
    return python


def create(folder: str, *, over_site: bool, pip: bool) -> None:
    """Make a virtual environment.

    `over_site`: the site's packages are found after its own, so that pip installs only what differs; it removes nothing outside
    of an environment, which other tools might. `pip`: with a pip of its own, where the site has one.
    """
    without = [] if pip and os.path.exists(os.path.join(sys.prefix, "bin", "pip")) else ["--without-pip"]
    subprocess.run([sys.executable, "-m", "venv", *without, folder], check=True, stdout=sys.stderr)
    if over_site:
        packages = sysconfig.get_path("purelib", vars={"base": folder, "platbase": folder})
        with open(os.path.join(packages, "site-of-the-checkout.pth"), "w") as file:
            # By addsitedir, not as a path: the site's own .pth files count, too.
            file.write(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")


def forget(place: str) -> None:
    """Remove all virtual environments but those that were used last."""
    ages = {name: os.path.join(place, name, "ready") for name in os.listdir(place)}
    used = sorted(ages, key=lambda name: os.path.getmtime(ages[name]) if os.path.exists(ages[name]) else 0)
    clear(*(os.path.join(place, name) for name in used[:-KEPT]))
