"""`logs`: the journal of the whole fleet."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import asdict

from ..aws.instances import Ec2Instance
from ..decisions.access import journal
from ..decisions.access.journal import Entry
from ..errors import SettingsError
from ..fleet.following import follow_each, newcomers
from ..fleet.side_by_side import chosen, on_each, require_all
from ..hosts.executing import LIMIT
from ..hosts.shell import commands
from ..hosts.ssh import Host
from ..runtime.guard import Stopped
from ..runtime.run import Run
from ..runtime.text import gist, redact

_TIMEOUT = 300.0  # seconds for the journal of a host, unless it is followed
_NO_MATCH = 1  # exit code of journalctl when no entry has the pattern
_HEADING = "-- "  # before what journalctl says of a journal, such as "-- No entries --"


def logs(
    run: Run,
    follow: bool = False,
    grep: str | None = None,
    since: str = "10 min ago",
    on: Sequence[str] = (),
    unit: Sequence[str] = (),
    json: bool = False,
) -> None:
    """Show the journal of the site's services on every host, in the order of time; `follow`: new entries as they come.

    Raises DeployError with the hosts whose journal cannot be read.
    """
    if not since.strip():
        raise SettingsError("--since: found nothing; allowed: a time of journalctl, such as '1 hour ago' or '2026-11-27 08:00'")
    targets = chosen(run, on)
    reader = _Reader(run, commands.entries(list(unit) or run.settings.app.services, since, grep, follow=follow), json=json)
    failed, begun = _followed(run, targets, reader, on) if follow else (on_each(run, targets, reader.read), len(targets))
    if not (reader.show() or failed or follow or json):
        run.out.say("no entries")
    require_all(failed, begun)


def _followed(run: Run, targets: Sequence[Ec2Instance], reader: _Reader, on: Sequence[str]) -> tuple[dict[str, str], int]:
    try:
        return follow_each(run, targets, reader.follow, lambda: newcomers(run, on))
    except Stopped:
        raise
    except KeyboardInterrupt:
        return {}, len(targets)  # that is how it is ended


class _Reader:
    """Read the journals of several hosts, in their threads."""

    def __init__(self, run: Run, command: str, *, json: bool) -> None:
        self._run = run
        self._command = command
        self._json = json
        self._found: list[tuple[str, Entry]] = []
        self._lock = threading.Lock()

    def read(self, host: Host) -> str:
        """Read the journal of a host to its end; return what failed."""
        found: list[Entry] = []
        said: list[str] = []

        def take(line: str, of_errors: bool) -> None:
            entry = None if of_errors else journal.read(line)
            if entry:
                found.append(entry)
            elif not line.startswith(_HEADING):
                said.append(line)

        code = host.stream(self._command, take, timeout=_TIMEOUT, limit=LIMIT, label="journalctl")
        with self._lock:
            self._found += [(host.name, entry) for entry in found]
        complaint = gist("\n".join(said))
        if code and not (code == _NO_MATCH and not complaint):
            return self._failed(code, complaint)
        if complaint:
            self._run.out.warn(f"{host.name}: journalctl: {complaint}")
        return ""

    def follow(self, host: Host) -> str:
        """Show the entries of a host as they come; return what ended that."""
        last = ""

        def take(line: str, of_errors: bool) -> None:
            nonlocal last
            entry = journal.read(line)
            if entry:
                self._show(host.name, entry)
            elif line and not line.startswith(_HEADING):
                last = gist(line)
                self._run.out.warn(f"{host.name}: journalctl: {last}")

        code = host.stream(self._command, take, timeout=None, terminal=True, label="journalctl --follow")
        return self._failed(code, last)

    def _failed(self, code: int, complaint: str) -> str:
        user = self._run.settings.ssh.user
        hint = f" (sudo usermod -aG systemd-journal {user})" if "insufficient permissions" in complaint else ""
        return f"journalctl exited {code}: {complaint or 'it printed nothing'}{hint}"

    def show(self) -> bool:
        """Show what `read` found, in the order of time; return whether that was anything."""
        for name, entry in sorted(self._found, key=lambda found: (found[1].at, found[0])):
            self._show(name, entry)
        return bool(self._found)

    def _show(self, name: str, entry: Entry) -> None:
        shown = Entry(entry.at, entry.program, entry.unit, redact(entry.message))
        if self._json:
            self._run.out.relay(json.dumps({"instance": name, "time": shown.time, **asdict(shown)}))
            return
        for line in shown.lines:
            self._run.out.relay(f"{name} | {line}")
