"""`releases`: the commits between two releases."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

from ..aws import fleets
from ..aws.management import find
from ..decisions.release.commits import FORMAT, Commit, read
from ..decisions.rollout.versions import Candidate, previous, revision_between
from ..errors import DeployError, Refused, SettingsError
from ..fleet.versions import known_versions
from ..hosts.pool import Hosts
from ..hosts.shell import git_commands
from ..runtime.run import Run

COLUMNS = ("commit", "when", "by", "what")
_PATIENCE = 60  # seconds for git on this machine


def releases(run: Run, since: str | None = None, to: str | None = None, json: bool = False) -> None:
    """Show the commits between two releases: by default from the one before the live one to the live one.

    `since`, `to`: a version number or a revision. Raises Refused where there is no such release, or nobody knows the commits.
    """
    group = run.settings.groups[0]
    found, live = known_versions(run.cloud, *fleets.observe(run.cloud, group))
    before = _revision(found, live, since) if since else _previous(found, live)
    after = _revision(found, live, to) if to else _revision(found, live, live)
    commits = _commits(run, before, after)
    if json:
        listed = [{"commit": c.sha, "at": c.at, "by": c.by, "subject": c.subject} for c in commits]
        run.out.answer({"since": before, "to": after, "commits": listed})
        return
    rows = [[c.sha[:12], c.at, c.by, c.subject] for c in commits]
    run.out.table(f"commits from {before[:12]} to {after[:12]}: {len(rows)}", COLUMNS, rows)


def _previous(found: list[Candidate], live: str) -> str:
    # Its commits count, whether or not its code still fits the database.
    candidate = previous([replace(one, outdated="") for one in found], live)
    if candidate is None or candidate.revision is None:
        raise Refused(f"no release of ours before version {live} has served: choose one by --since; `history` shows them")
    return candidate.revision


def _revision(found: list[Candidate], live: str, wanted: str) -> str:
    if not re.fullmatch("[0-9a-fA-F]{1,40}", wanted):
        raise SettingsError(f"--since, --to: found {wanted}; allowed: a version number, or the beginning of a full sha")
    return revision_between(found, live, wanted)


def _commits(run: Run, before: str, after: str) -> list[Commit]:
    """Ask the repository here, or else the checkout on the management instance."""
    printed = _here(before, after)
    if printed is None:
        printed = _there(run, before, after)
    try:
        return read(printed)
    except ValueError as error:
        raise DeployError(f"the commits from {before[:12]} to {after[:12]} cannot be read: {error}") from error


def _here(before: str, after: str) -> str | None:
    command = ["git", "-C", str(Path.cwd()), "log", "--no-show-signature", f"--format={FORMAT}", f"{before}..{after}", "--"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    # Another repository, or a clone that has not fetched them.
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def _there(run: Run, before: str, after: str) -> str:
    instance = find(run)
    if instance.state != "running":
        raise Refused(
            f"this folder's repository does not have {before[:12]} and {after[:12]} (git fetch), and the management instance"
            f" {instance.id} is {instance.state} (management-start)"
        )
    with Hosts(run) as hosts:
        return hosts.open(instance).read(git_commands.log_between(run.settings.app, before, after, FORMAT)).stdout
