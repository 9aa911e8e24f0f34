"""Somebody's repository, which is only read: its revisions that are rehearsed, and a copy that holds all of their files."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..sandbox import Refusal
from .commands import git, run


def revisions(repository: Path, old: str | None, new: str | None) -> tuple[str, str]:
    """Return full revisions: those given, else of the last two tags, else of HEAD and the commit before it."""
    tagged = [] if old and new else list(_tagged(repository))
    later = _commit(repository, new) if new else tagged[0] if len(tagged) > 1 else _commit(repository, "HEAD")
    if old:
        return _commit(repository, old), later
    if not new and len(tagged) > 1:
        return tagged[1], later
    has_parent = len(git(repository, "rev-list", "--max-count=2", later).splitlines()) > 1
    return (_commit(repository, f"{later}~1") if has_parent else later), later


def _tagged(repository: Path) -> Iterator[str]:
    """Yield the commits with tags, the last one first: tags may be made later, and several at once."""
    shown = git(repository, "for-each-ref", "--merged=HEAD", "--format=%(objectname) %(*objectname)", "refs/tags")
    tags = {line.split()[-1] for line in shown.splitlines()}
    listed = git(repository, "rev-list", "--date-order", "HEAD") if tags else ""
    yield from (commit for commit in listed.splitlines() if commit in tags)


def _commit(repository: Path, revision: str) -> str:
    return git(repository, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")


def clone(repository: Path, tree: Path, wanted: Sequence[str]) -> None:
    """Make a clone without files, which has the wanted commits wherever they are in the repository."""
    run("git", "clone", "--quiet", "--no-checkout", repository, tree, cwd=tree.parent)
    # Of a partial clone files are missing: git gets them where that has been cloned from, as it does there.
    # Source: git-scm.com, "partial-clone".
    keys = git(repository, "config", "--list", "--name-only").splitlines()
    promising = (key for key in keys if key.startswith("remote.") and key.endswith(".promisor"))
    if key := next(promising, ""):
        name = key.removeprefix("remote.").removesuffix(".promisor")
        git(tree, "remote", "add", "promisor", git(repository, "remote", "get-url", name))
        git(tree, "config", "remote.promisor.promisor", "true")
        git(tree, "config", "extensions.partialClone", "promisor")
    elif any(not _has(tree, commit) for commit in wanted):
        # A shallow repository gives only what its branches have.
        git(tree, "fetch", "--quiet", "origin", "+refs/*:refs/rehearsal/*")


def _has(tree: Path, commit: str) -> bool:
    try:
        git(tree, "cat-file", "-e", commit)
    except Refusal:
        return False
    return True


def unfold(repository: Path, tree: Path) -> None:
    """Put the files of submodules into a checkout as if they were its own; raises Refusal for one that is not there.

    `repository`: whose submodules are checked out, or were.
    """
    staged = (line.split("\t", 1) for line in git(tree, "ls-files", "--stage", "-z").split("\0") if line.startswith("160000 "))
    for facts, name in staged:
        commit, source = facts.split()[1], repository / name
        if not (source / ".git").exists():
            raise Refusal(f"{repository.name}: the submodule {name} is not there: git submodule update --init --recursive")
        shutil.rmtree(tree / name, ignore_errors=True)
        run("git", "clone", "--quiet", "--no-checkout", source, tree / name, cwd=tree)
        git(tree / name, "checkout", "--quiet", "--detach", commit)
        unfold(source, tree / name)
        shutil.rmtree(tree / name / ".git")
        git(tree, "rm", "--quiet", "--cached", "--", name)
