"""Record the files that a project's own commands change in a checkout, so that they do not refuse the next checkout.

In the checkout. A file counts as built as long as its content is what the commands have left: what somebody edits does not.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess


def main(action: str, folder: str, sha: str) -> None:
    """`begin`, `end`, `show` or `restore`; `folder`: in the .git folder; `sha`: the commit that is checked out, or will be."""
    os.chdir(output_of("rev-parse", "--show-toplevel").decode().rstrip("\n"))
    {"begin": begin, "end": end, "show": show, "restore": restore}[action](folder, sha)


def begin(folder: str, sha: str) -> None:
    """Note the untracked files that are there already, and that the checkout is being built."""
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, "before-build.json"), untracked())
    write(os.path.join(folder, "checkout"), sha)


def end(folder: str, sha: str) -> None:
    """Note what was built since: changed files, and new ones, with their hashes."""
    before, place = read(folder, "before-build.json", []), os.path.join(folder, "built.json")
    names = {*changed(), *untracked()} - set(before)
    known = {name: value for name, value in read(folder, "built.json", {}).items() if value == content(name)}
    write(place, known | {name: content(name) for name in names})
    for name in ("checkout", "before-build.json"):
        os.unlink(os.path.join(folder, name))


def show(folder: str, sha: str) -> None:
    """Print the files that are still as they were built, a name and a NUL each."""
    print("\0".join(still(folder)), end="")


def restore(folder: str, sha: str) -> None:
    """Undo changes of committed files, and remove files that would be in the way of a commit that has them."""
    built = still(folder)
    tracked = set(names_of(output_of("ls-files", "-z")))
    committed = [name for name in built if name in tracked]
    if committed:
        output_of("checkout", "--quiet", "HEAD", "--pathspec-from-file=-", "--pathspec-file-nul", stdin="\0".join(committed))
    new = [name for name in built if name not in tracked]
    folders = tuple(name for name in new if name.endswith("/"))
    # Everything in a folder that was built was built.
    for name in names_of(output_of("ls-tree", "-r", "-z", "--name-only", sha)) if new else []:
        if (name in new or name.startswith(folders)) and os.path.lexists(name):
            os.unlink(name)
    if os.path.exists(os.path.join(folder, "built.json")):
        os.unlink(os.path.join(folder, "built.json"))


def still(folder: str) -> list[str]:
    """Return the files that are as they were built."""
    return sorted(name for name, value in read(folder, "built.json", {}).items() if content(name) == value)


def changed() -> list[str]:
    """Return committed files whose content differs."""
    return names_of(output_of("diff", "--name-only", "-z", "--ignore-submodules=all", "HEAD"))


def untracked() -> list[str]:
    """Return files that git neither knows nor ignores, and whole folders of them, as `git status` does."""
    return names_of(output_of("ls-files", "-z", "--others", "--exclude-standard", "--directory", "--no-empty-directory"))


def content(name: str) -> str:
    """Return the hash of a file's content, "/" for a folder, or "" for what is not there."""
    if os.path.isdir(name) and not os.path.islink(name):
        return "/"
    if os.path.islink(name):
        return "-> " + os.readlink(name)
    if not os.path.isfile(name):
        return ""
    with open(name, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def names_of(printed: bytes) -> list[str]:
    """Return names that are separated by NUL."""
    return [os.fsdecode(name) for name in printed.split(b"\0") if name]


def output_of(*arguments: str, stdin: str = "") -> bytes:
    """Return the output of git; raises CalledProcessError."""
    return subprocess.run(["git", *arguments], check=True, stdout=subprocess.PIPE, input=os.fsencode(stdin)).stdout


def read(folder: str, name: str, default: object) -> dict[str, str]:
    """Return a record, or a default where there is none."""
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
            found: dict[str, str] = json.load(file)
    except FileNotFoundError:
        return default  # type: ignore[return-value]
    return found


def write(path: str, value: object) -> None:
    """Write a record atomically: JSON, or a text as it is."""
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))
    os.replace(path + ".new", path)
