"""`manage`: a management command of the site, in the environment of its service."""

from __future__ import annotations

import shlex

from ..decisions.access.selection import MANAGEMENT
from ..errors import DeployError, SettingsError
from ..fleet.side_by_side import chosen
from ..hosts.attending import attend, has_terminal
from ..hosts.pool import Hosts
from ..hosts.shell import commands
from ..runtime.run import Run
from .run import relayed


def manage(run: Run, arguments: str, on: str = MANAGEMENT, timeout: int = 3600) -> None:
    """Run `manage.py` with arguments on one host: on a terminal where this process has one, else without input.

    `arguments`: as typed into a shell; `on`: a word that means one instance; `timeout`: seconds, without a terminal. Raises
    DeployError when the command fails.
    """
    try:
        words = shlex.split(arguments)
    except ValueError as error:
        raise SettingsError(f"manage: {arguments}: {error}; allowed: words as in a shell") from error
    if not words or timeout < 1:
        raise SettingsError("manage: allowed: a command of manage.py with its arguments, and --timeout from 1 second")
    targets = chosen(run, [on])
    if len(targets) != 1:
        raise SettingsError(f"--on: {on} means {len(targets)} instances; allowed: {MANAGEMENT}, or the id of one of them")
    target, label = targets[0], f"manage.py {words[0]}"
    if run.dry:
        run.out.say(f"would run {label} on {target.id}")
        return
    command = commands.manage(run.settings.app, shlex.join(words))
    with Hosts(run) as hosts:
        host = hosts.wait(target, run.settings.app.boot_timeout)
        run.out.close()
        code = attend(host, command) if has_terminal() else relayed(run, host, command, timeout, label=label)
    if code:
        raise DeployError(f"{target.id}: `{label}` exited {code}")
