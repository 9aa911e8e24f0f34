"""What `systemctl show` and `systemctl status` print of a unit, in systemd's own format and order.

Source: systemctl(1), org.freedesktop.systemd1(5).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from .services import Service
from .sockets import ListeningSocket
from .supervisor import Supervisor
from .unit_syntax import Command

Properties = list[tuple[str, str | None]]  # None: an empty list of commands, for which systemd prints no line


def show(init: Supervisor, name: str) -> Properties:
    """Return the properties of a loaded unit."""
    unit = init.find(name)
    return _service(init, unit) if isinstance(unit, Service) else _socket(init, unit)


def unknown(name: str) -> Properties:
    """Return what systemd says of a unit that is not there."""
    return [("Id", name), ("LoadState", "not-found"), ("ActiveState", "inactive"), ("SubState", "dead"), ("UnitFileState", "")]


def _service(init: Supervisor, service: Service) -> Properties:
    unit, status = service.unit, service.status
    begun = _stamp(status.started)
    return [
        ("Type", unit.type),
        ("Restart", unit.restart),
        ("RestartUSec", _span(unit.restart_after)),
        ("TimeoutStartUSec", _span(unit.start_timeout)),
        ("TimeoutStopUSec", _span(unit.stop_timeout)),
        ("MainPID", str(status.main_pid)),
        ("Result", status.result),
        ("NRestarts", str(status.restarts)),
        ("StatusText", status.text),
        ("ExecMainStartTimestamp", begun),
        ("ExecMainStatus", str(status.exit_status)),
        ("ExecStartPre", _commands(unit.pre, "", 0)),
        ("ExecStart", _commands((unit.start,), begun, status.main_pid)),
        ("ExecReload", _commands(unit.reload, "", 0)),
        ("Environment", " ".join(_quoted(f"{key}={value}") for key, value in unit.environment.items())),
        *_files(unit.files),
        ("UMask", f"{unit.umask:04o}"),
        ("WorkingDirectory", unit.directory),
        ("KillMode", unit.kill_mode),
        ("KillSignal", str(int(unit.kill_signal))),
        *_common(init, unit.name, unit.description, status.active, status.sub),
        ("ActiveEnterTimestamp", _stamp(status.since) if status.active == "active" else ""),
        ("CanReload", "yes" if unit.reload else "no"),
        ("Requires", " ".join(unit.requires)),
        ("After", " ".join(unit.after)),
        ("TriggeredBy", " ".join(s.unit.name for s in init.triggers(unit.name))),
    ]


def _socket(init: Supervisor, listening: ListeningSocket) -> Properties:
    unit = listening.unit
    return [
        ("Listen", f"{unit.listen} (Stream)"),
        ("Backlog", str(unit.backlog)),
        ("SocketMode", f"{unit.mode:04o}"),
        ("Accept", "no"),
        *_common(init, unit.name, unit.description, listening.active, listening.sub),
        ("CanReload", "no"),
        ("Triggers", unit.service),
    ]


def _common(init: Supervisor, name: str, description: str, active: str, sub: str) -> Properties:
    return [
        ("Id", name),
        ("Names", name),
        ("Description", description),
        ("LoadState", "loaded"),
        ("ActiveState", active),
        ("SubState", sub),
        ("FragmentPath", str(init.folder / name)),
        ("UnitFileState", "enabled"),
        ("NeedDaemonReload", "yes" if init.changed(name) else "no"),
    ]


def _commands(commands: Iterable[Command], begun: str, pid: int) -> str | None:
    lines = [
        f"{{ path={command.argv[0]} ; argv[]={' '.join(command.argv)} ; ignore_errors={'yes' if command.may_fail else 'no'} ; "
        f"start_time=[{begun or 'n/a'}] ; stop_time=[n/a] ; pid={pid} ; code=(null) ; status=0/0 }}"
        for command in commands
    ]
    return "\n".join(lines) or None


def _quoted(word: str) -> str:
    """Quote a word of a list as systemctl does: in double quotes where a shell would split it."""
    if not re.search(r"[\s\"'\\`$*?\[#~=%|<>;&(){}!^]", word.partition("=")[2]):
        return word
    return '"' + re.sub(r'(["\\`$])', r"\\\1", word) + '"'


def _files(files: Iterable[str]) -> Properties:
    lines = [f"{path.removeprefix('-')} (ignore_errors={'yes' if path.startswith('-') else 'no'})" for path in files]
    return [("EnvironmentFiles", "\n".join(lines))] if lines else []


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%a %Y-%m-%d %H:%M:%S UTC") if moment else ""


def _span(seconds: float) -> str:
    if seconds == float("inf"):
        return "infinity"
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    parts = [
        f"{minutes}min" if minutes else "",
        f"{rest // 1000}s" if rest >= 1000 else "",
        f"{rest % 1000}ms" if rest % 1000 else "",
    ]
    return " ".join(part for part in parts if part) or "0"


def lines(properties: Properties, wanted: list[str], bare: bool) -> str:
    """Return the lines of `show`: all, or the wanted in systemd's order; unknown names are left out, as systemd does."""
    texts: list[str] = []
    for name, value in properties:
        if value is None or (wanted and name not in wanted):
            continue
        texts.extend(entry if bare else f"{name}={entry}" for entry in value.split("\n"))
    return "".join(f"{text}\n" for text in texts)


def status(init: Supervisor, name: str, journal_lines: int) -> str:
    """Return the page of `status`, with the end of the unit's journal."""
    values = {key: value or "" for key, value in show(init, name)}
    dot = {"active": "●", "failed": "×"}.get(values["ActiveState"], "○")
    sub = values["SubState"] if values["ActiveState"] != "failed" else f"Result: {values['Result']}" if "Result" in values else ""
    since = f" since {values['ActiveEnterTimestamp']}" if values.get("ActiveEnterTimestamp") else ""
    page = [
        f"{dot} {name} - {values['Description']}",
        f"     Loaded: loaded ({values['FragmentPath']}; enabled; preset: enabled)",
        f"     Active: {values['ActiveState']} ({sub}){since}",
    ]
    page.extend(f"TriggeredBy: ● {trigger}" for trigger in values.get("TriggeredBy", "").split())
    if values.get("MainPID", "0") != "0":
        command = re.search(r"argv\[\]=(\S+)", values["ExecStart"])
        page.append(f"   Main PID: {values['MainPID']} ({command.group(1).rpartition('/')[2] if command else '?'})")
    if values.get("StatusText"):
        page.append(f'     Status: "{values["StatusText"]}"')
    return "\n".join(page) + "\n" + journal(init, name, journal_lines, "\n")


def journal(init: Supervisor, name: str, count: int, before: str = "") -> str:
    """Return the last lines of what a unit printed."""
    path = init.place.journal(name)
    if not path.is_file() or not count:
        return ""
    tail = path.read_text(errors="replace").splitlines()[-count:]
    return before + "".join(f"{line}\n" for line in tail)
