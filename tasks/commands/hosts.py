"""Commands that run on hosts, and show what happened there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runtime.command import command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..runtime.run import Run


ON = "web, management, all, or the id of an instance; repeatable; default: all"


@command(
    omissible=["instance"],
    help={"instance": "id of an instance, or web for any of the web instances; default: the management instance"},
)
def ssh(run: Run, instance: str | None = None) -> None:
    """Open a shell on an instance, over the same connections and with the same host keys as every other command."""
    from ..operations import ssh

    ssh.ssh(run, instance or "")


@command(
    changes=True,
    name="run",
    iterable=["on"],
    help={
        "command": "what to run, quoted for the shell of the host",
        "on": ON,
        "timeout": "seconds for each host; default: 600",
    },
)
def run_command(run: Run, command: str, on: Sequence[str] | None = None, timeout: int = 600) -> None:
    """Run a command on hosts side by side; each line of output has the instance in front. Works during a rollout.

    Exit code 1 if it failed on any host. What looks like a secret is masked.
    """
    from ..operations import run as operation

    operation.run_command(run, command, on or (), timeout)


@command(
    changes=True,
    help={
        "arguments": "command of manage.py with its arguments, in quotes",
        "on": "management, or the id of an instance; default: management",
        "timeout": "seconds, where there is no terminal; default: 3600",
    },
)
def manage(run: Run, arguments: str, on: str = "management", timeout: int = 3600) -> None:
    """Run a manage.py command, with the environment of the site's service; on a terminal where there is one here."""
    from ..operations import manage

    manage.manage(run, arguments, on, timeout)


@command(
    letters={"follow": "f"},
    iterable=["on", "unit"],
    help={
        "follow": "show new entries as they come, until Ctrl-C; a settings file (-f FILE) goes before the command",
        "grep": "only entries with this pattern (PCRE2); without capitals it ignores case",
        "since": "a time of journalctl, such as '1 hour ago'; default: 10 min ago",
        "on": ON,
        "unit": "a systemd unit; repeatable; default: app.services",
        "json": "print each entry as a line of JSON",
    },
)
def logs(
    run: Run,
    follow: bool = False,
    grep: str | None = None,
    since: str = "10 min ago",
    on: Sequence[str] | None = None,
    unit: Sequence[str] | None = None,
    json: bool = False,
) -> None:
    """Show the journal of the site's services on all hosts, by time, with the instance in front. Works during a rollout.

    The SSH user must be in the group systemd-journal or adm. What looks like a secret is masked.
    """
    from ..operations import logs

    logs.logs(run, follow, grep, since, on or (), unit or (), json)
