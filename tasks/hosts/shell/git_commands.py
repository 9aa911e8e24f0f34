"""The commands of git on a host, as text."""

from __future__ import annotations

import re
from shlex import quote

from ...settings.model import App
from .commands import home

_SHA = re.compile(r"[0-9a-f]{4,40}")
# In any folder: app.directory and BASE_DIR need not be the top of the repository.
_OURS = ("REVISION", "REVISION.new", "staticfiles.json", ".staticfiles.json.*")


def git(app: App, arguments: str) -> str:
    """Run git in the checkout, without password prompts."""
    return f"GIT_TERMINAL_PROMPT=0 git -C {home(app.directory)} {arguments}"


def git_directory(app: App) -> str:
    """Print the absolute path of the .git folder."""
    return git(app, "rev-parse --absolute-git-dir")


def status(app: App) -> str:
    """Print changed and untracked files, as `decisions.worktree` reads them."""
    return git(app, "status --porcelain=v2 -z --untracked-files=normal")


def exclude_ours(git_directory: str) -> str:
    """Make git ignore the files that we and the drop-ins write into the checkout."""
    file = quote(f"{git_directory}/info/exclude")
    adds = "; ".join(f"grep -qxF {quote(name)} {file} || echo {quote(name)} >> {file}" for name in _OURS)
    return f"mkdir -p {quote(f'{git_directory}/info')} && touch {file} && {{ {adds}; }}"


def log_between(app: App, before: str, after: str, form: str) -> str:
    """Print the commits of a revision that an earlier one has not."""
    return git(app, f"log --no-show-signature --format={quote(form)} {quote(f'{before}..{after}')} --")


def fetch(app: App) -> str:
    """Fetch all branches and tags of origin."""
    return git(app, "fetch --quiet --force --prune --tags origin '+refs/heads/*:refs/remotes/origin/*'")


def resolve(app: App, revision: str) -> str:
    """Print the full sha of a tag, a branch of origin, a full or a short sha; never of a local branch, which may be stale."""
    names = [f"refs/tags/{revision}", f"refs/remotes/origin/{revision}"] + ([revision] if _SHA.fullmatch(revision) else [])
    return " || ".join(git(app, f"rev-parse --verify --quiet {quote(name + '^{commit}')}") for name in names)


def remote_head(app: App, revision: str) -> str:
    """Print the sha of a tag or branch as origin has it now, without fetching anything."""
    names = " ".join(quote(f"refs/{kind}/{revision}") for kind in ("tags", "heads"))
    return git(app, f"ls-remote --quiet origin {names}")


def head(app: App) -> str:
    """Print the full sha of the checkout."""
    return git(app, "rev-parse --verify HEAD")


def interrupted(git_directory: str) -> str:
    """Print the sha of an unfinished checkout, if any."""
    return f"cat {quote(f'{git_directory}/ramped/checkout')} 2>/dev/null || true"


def checkout(app: App, git_directory: str, sha: str, *, force: bool) -> str:
    """Check out a commit, submodules included, with a marker file until it is finished.

    `force`: an earlier checkout of ours was interrupted: discard what it left.
    """
    note = quote(f"{git_directory}/ramped/checkout")
    steps = [f"mkdir -p {quote(f'{git_directory}/ramped')}", f"echo {quote(sha)} > {note}"]
    if force:
        steps.append(f"rm -f {quote(f'{git_directory}/index.lock')}")
    steps += [
        git(app, f"-c advice.detachedHead=false checkout --quiet {'--force ' if force else ''}--detach {quote(sha)}"),
        f"top=$({git(app, 'rev-parse --show-toplevel')})",
        f'if test -f "$top/.gitmodules"; then {_submodules(sha, force=force)}; fi',
        f"rm -f {note}",
    ]
    return " && ".join(steps)


def _submodules(sha: str, *, force: bool) -> str:
    """Check out the submodules of the checkout in $top at the commits that a revision names, and prove it."""
    submodule = 'GIT_TERMINAL_PROMPT=0 git -C "$top" submodule'
    wrong = quote(f"these submodules are not at the commits that {sha} names")
    return (
        f"{submodule} --quiet sync --recursive"
        f" && {submodule} --quiet update --init --recursive --checkout{' --force' if force else ''}"
        f" && if {submodule} status --recursive | grep '^[+U]' >&2; then echo {wrong} >&2; exit 1; fi"
    )
