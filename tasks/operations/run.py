"""`run`: a command on several hosts, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import DeployError, SettingsError
from ..fleet.side_by_side import chosen, on_each, require_all
from ..hosts.ssh import Host
from ..runtime.guard import Stopped
from ..runtime.run import Run
from ..runtime.text import Redactor


def run_command(run: Run, command: str, on: Sequence[str] = (), timeout: int = 600) -> None:
    """Run a command on hosts side by side; each line that they print has the instance in front.

    `timeout`: seconds for each host. Raises DeployError with the hosts on which it failed.
    """
    if timeout < 1:
        raise SettingsError(f"--timeout: found {timeout}; allowed: 1 or more seconds")
    targets = chosen(run, on)
    if run.dry:
        run.out.say(f"would run on {', '.join(target.id for target in targets)}: {command}")
        return

    def act(host: Host) -> str:
        code = relayed(run, host, command, timeout, prefix=f"{host.name} | ")
        return f"exited {code}" if code else ""

    try:
        failed = on_each(run, targets, act)
    except Stopped:
        raise
    except KeyboardInterrupt:
        raise DeployError("Stopped by Ctrl-C. The command may still be running on the hosts where it had begun.") from None
    require_all(failed, len(targets))


def relayed(run: Run, host: Host, command: str, timeout: float, *, prefix: str = "", label: str | None = None) -> int:
    """Run a command on a host and show its lines as they come, without secrets; return its exit code.

    `prefix`: in front of each line; without one the lines of stderr go to stderr.
    """
    redactors = {False: Redactor(), True: Redactor()}

    def take(line: str, of_errors: bool) -> None:
        for part in redactors[of_errors].line(line).split("\n"):  # a carriage return begins another
            run.out.relay(prefix + part, aside=of_errors and not prefix)

    return host.stream(command, take, timeout=timeout, label=label)
