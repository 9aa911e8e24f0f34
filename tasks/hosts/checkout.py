"""The site's code on the management instance: its checkout."""

from __future__ import annotations

from ..decisions.release.worktree import read_status, without
from ..errors import Refused
from ..runtime.run import Run
from ..runtime.text import gist
from ..settings.model import App
from .shell import commands, git_commands
from .ssh import QUICK, Answer, Host

LONG = 3600.0  # seconds for a command that works: fetch, pip, migrate, collectstatic
_SHOWN = 10  # files named in an error


def change(host: Host, app: App, command: str, label: str, timeout: float = LONG) -> Answer:
    """Run a command that changes the site on a host, after any command that an earlier run left running.

    Raises RemoteFailed, TimedOut, HostUnreachable, and Refused when the earlier command does not end.
    """
    answer = host.run(commands.locked(app, command), check=False, timeout=timeout + commands.WAIT, label=label)
    return _ended(host, app, answer, label)


def query(host: Host, app: App, command: str, label: str, timeout: float = QUICK) -> Answer:
    """Run a command that changes nothing, after any command that an earlier run left running; raises as `change` does."""
    answer = host.read(commands.locked(app, command), check=False, timeout=timeout + commands.WAIT, label=label)
    return _ended(host, app, answer, label)


def _ended(host: Host, app: App, answer: Answer, label: str) -> Answer:
    if answer.code == commands.BUSY:
        raise Refused(f"{host.name}: an earlier command is still running in {app.directory}; run again when it has ended")
    return host.checked(answer, label)


def require_site(host: Host, app: App) -> None:
    """Refuse an unprepared host, naming what to create."""
    missing = host.read(commands.missing(app)).text.split()
    make = {
        "checkout": _no_checkout(host, app) if "checkout" in missing else "",
        "virtualenv": f"{app.virtualenv} is no virtual environment: create it with python3 -m venv (or set app.virtualenv)",
        "manage": f"{app.directory} holds no {app.manage}: set app.manage",
    }
    if missing:
        raise Refused(f"{host.name}: {make[missing[0]]}")


def _no_checkout(host: Host, app: App) -> str:
    """Return why git does not work in the checkout, with its own message if any, and what to do."""
    said = gist(host.read(git_commands.git_directory(app), check=False).stderr)
    if "dubious ownership" in said:
        return (
            f"git does not work in {app.directory}, which belongs to another user: {said}. Give it to {host.connection.user}"
            f" (chown -R), or run there: git config --global --add safe.directory <its path>"
        )
    if not said or "not a git repository" in said or "No such file" in said:
        return f"{app.directory} is no git checkout: clone the repository there (or set app.directory)"
    return f"git does not work in {app.directory}: {said}"


def require_rights(host: Host, app: App, *, reload: bool = False) -> None:
    """Refuse a host whose user may not restart (and `reload`) the site's units, before anything is changed there."""
    refused = host.read(commands.refused(app.services, reload=reload), check=False).text.split("\n")
    if refused != [""]:
        raise Refused(
            f"{host.name}: {host.connection.user} may not run `{'`, `'.join(refused)}` by sudo without a password:"
            " install settings_snippets/systemd/sudoers there (visudo -cf, then /etc/sudoers.d), with the site's units"
        )


def git_directory(host: Host, app: App) -> str:
    """Return the absolute path of the repository's .git folder on a host."""
    return host.read(git_commands.git_directory(app)).text


def choose(run: Run, host: Host, revision: str | None) -> str:
    """Fetch, and return the full sha of a revision; the tree must be clean.

    `revision`: tag, branch, full or short sha; None for the head of the branch on origin. The checkout is unchanged. Raises
    Refused.
    """
    app, folder = run.settings.app, git_directory(host, run.settings.app)
    change(host, app, git_commands.exclude_ours(folder), "git (info/exclude)", QUICK)
    require_clean(run, host)
    change(host, app, git_commands.fetch(app), "git fetch")
    sha = resolve(host, app, revision)
    run.out.say(f"revision {sha}, before it {host.read(git_commands.head(app), check=False).text[:12] or 'none'}")
    return sha


def switch(run: Run, host: Host, sha: str) -> None:
    """Check out a commit and record it in REVISION; an interrupted checkout of an earlier run is discarded."""
    app, folder = run.settings.app, git_directory(host, run.settings.app)
    unfinished = host.read(git_commands.interrupted(folder)).text
    if unfinished:
        run.out.say(f"an earlier checkout of {unfinished[:12]} was interrupted; it is discarded")
    else:
        change(host, app, commands.built(app, folder, "restore", sha), "undoing what was built")
    change(host, app, git_commands.checkout(app, folder, sha, force=bool(unfinished)), "git checkout")
    change(host, app, commands.record_revision(app, sha), "writing REVISION", QUICK)


def record_in_base(host: Host, app: App, sha: str, base: str) -> None:
    """Record the revision where the site's settings read it too, if that is another folder than app.directory."""
    if base != ".":
        change(host, app, commands.record_revision(app, sha, base), "writing REVISION", QUICK)


def require_clean(run: Run, host: Host) -> None:
    """Refuse a tree with changed files, naming them; untracked files are only shown.

    An interrupted checkout is ignored, and what the site's own commands have built: `switch` discards both. Raises Refused.
    """
    app, folder = run.settings.app, git_directory(host, run.settings.app)
    if host.read(git_commands.interrupted(folder)).text:
        return
    tree = read_status(query(host, app, git_commands.status(app), "git status").stdout)
    if tree.changed or tree.untracked:
        tree = without(tree, query(host, app, commands.built(app, folder, "show"), "reading what was built").stdout)
    if tree.changed:
        raise Refused(
            f"{host.name}: files in {app.directory} have uncommitted changes: {_list(tree.changed)}. Commit them"
            " elsewhere, or undo them there (git stash, git checkout)"
        )
    if tree.untracked:
        run.out.warn_once(f"{host.name}: untracked files in {app.directory}: {_list(tree.untracked)}. They will be in the image")


def resolve(host: Host, app: App, revision: str | None) -> str:
    """Return the full sha of a fetched revision.

    Raises Refused when origin lacks it, or when a short sha is ambiguous.
    """
    wanted = revision or app.branch
    sha = host.read(git_commands.resolve(app, wanted), check=False).text
    if not sha:
        raise Refused(
            f"{host.name}: origin has no tag, branch or commit {wanted!r}, or the short sha is ambiguous. Was it pushed?"
        )
    return sha


def _list(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
