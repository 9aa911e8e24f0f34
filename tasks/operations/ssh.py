"""`ssh`: the login shell of a host."""

from __future__ import annotations

from ..decisions.access.selection import MANAGEMENT
from ..errors import SettingsError
from ..fleet.side_by_side import chosen
from ..hosts.attending import attend, has_terminal
from ..hosts.pool import Hosts
from ..runtime.run import Run


def ssh(run: Run, instance: str = "") -> None:
    """Open the login shell of an instance, over the connections and with the host keys of every other command.

    `instance`: an id, `web` for any web instance; empty: the management instance. Raises SettingsError without a terminal.
    """
    if not has_terminal():
        raise SettingsError("ssh: needs a terminal; elsewhere use `run`")
    target = chosen(run, [instance or MANAGEMENT])[0]
    if run.dry:
        run.out.say(f"would open a shell on {target.id}")
        return
    with Hosts(run) as hosts:
        host = hosts.wait(target, run.settings.app.boot_timeout)
        run.out.say(f"{target.id} ({target.address})")
        run.out.close()
        # The exit code of a shell is that of its last command, and no failure of ours.
        attend(host)
