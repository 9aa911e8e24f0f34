"""What the rehearsal's init understands of a service and of a socket; everything else is refused, or ignored for a reason.

A unit for a real machine names real paths (/srv/shop, /run/shop); here the disk is a folder, so a unit of the rehearsal
writes %h for the home of the SSH user, and %t for the run directory.
"""

import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from .unit_syntax import Command, Entry, UnitError, boolean, command, expand, read, seconds

NO_USERS = "there are no users here: everything runs as the user of the rehearsal"
NO_SANDBOX = "there is no sandbox here"
NO_LIMITS = "resources are not limited here"
ONE_TARGET = "every unit of the disk is enabled, and there is one target"
IGNORED = {
    **dict.fromkeys(("User", "Group", "SocketUser", "SocketGroup", "SupplementaryGroups", "DynamicUser"), NO_USERS),
    **dict.fromkeys(
        ("PrivateTmp", "ProtectSystem", "ProtectHome", "NoNewPrivileges", "ReadWritePaths", "PrivateDevices"), NO_SANDBOX
    ),
    **dict.fromkeys(
        ("CapabilityBoundingSet", "RestrictAddressFamilies", "ProtectKernelTunables", "ProtectControlGroups"), NO_SANDBOX
    ),
    **dict.fromkeys(("ProtectKernelModules", "RestrictSUIDSGID", "LockPersonality", "RestrictRealtime"), NO_SANDBOX),
    **dict.fromkeys(("ProtectProc", "ProtectClock", "ProtectHostname", "ProtectKernelLogs", "RestrictNamespaces"), NO_SANDBOX),
    **dict.fromkeys(("RemoveIPC", "SystemCallArchitectures", "SystemCallFilter", "SystemCallErrorNumber"), NO_SANDBOX),
    **dict.fromkeys(("MemoryDenyWriteExecute", "ReadOnlyPaths", "InaccessiblePaths", "AmbientCapabilities"), NO_SANDBOX),
    **dict.fromkeys(("LimitNOFILE", "MemoryMax", "MemoryHigh", "CPUWeight", "TasksMax", "OOMPolicy", "Nice"), NO_LIMITS),
    **dict.fromkeys(("WantedBy", "Also", "RequiredBy", "DefaultDependencies"), ONE_TARGET),
    **dict.fromkeys(
        ("Documentation", "SyslogIdentifier", "StandardOutput", "StandardError"), "output goes to the journal of the unit"
    ),
    "RuntimeDirectoryPreserve": "runtime directories stay until the power goes off",
    "NotifyAccess": "the sender of a notification is not checked",
}
MODELLED = {
    "Unit": {
        *("Description", "Requires", "Wants", "After", "Before", "StartLimitIntervalSec", "StartLimitBurst"),
        "ConditionPathExists",
    },
    "Service": {
        *("Type", "ExecStartPre", "ExecStart", "ExecReload", "WorkingDirectory", "Environment", "EnvironmentFile", "UMask"),
        *("KillSignal", "KillMode", "TimeoutStartSec", "TimeoutStopSec", "TimeoutSec", "Restart", "RestartSec", "Sockets"),
        *("RuntimeDirectory", "RuntimeDirectoryMode"),
    },
    "Socket": {"ListenStream", "SocketMode", "DirectoryMode", "Backlog", "Accept", "Service", "RemoveOnStop"},
    "Install": set(),
}
CHOICES = {
    "Type": ("simple", "exec", "notify"),
    "KillMode": ("control-group", "mixed", "process"),
    "Restart": ("no", "always", "on-failure", "on-success", "on-abnormal"),
}


@dataclass(frozen=True)
class ServiceUnit:
    """A service as its file says; times are seconds."""

    name: str
    description: str
    type: str
    pre: tuple[Command, ...]
    start: Command
    reload: tuple[Command, ...]
    directory: str
    environment: Mapping[str, str]
    files: tuple[str, ...]
    runtime: tuple[str, ...]
    umask: int
    kill_signal: signal.Signals
    kill_mode: str
    start_timeout: float
    stop_timeout: float
    restart: str
    restart_after: float
    limit_interval: float
    limit_burst: int
    requires: tuple[str, ...]
    after: tuple[str, ...]
    sockets: tuple[str, ...]
    conditions: tuple[str, ...]  # paths that must exist, or it is skipped
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class SocketUnit:
    """A listening socket as its file says."""

    name: str
    description: str
    listen: str
    mode: int
    backlog: int
    service: str
    remove: bool
    ignored: tuple[str, ...]


Unit = ServiceUnit | SocketUnit


def parse(name: str, text: str, specifiers: Mapping[str, str]) -> Unit:
    """Return the unit of a file; raises UnitError, naming the line, for what is not modelled."""
    stem, _, kind = name.rpartition(".")
    if kind not in ("service", "socket"):
        raise UnitError(f"{name}: only .service and .socket units are modelled")
    values: dict[str, list[str]] = {}
    ignored: list[str] = []
    for entry in read(name, text):
        if entry.key in IGNORED:
            ignored.append(f"{name}:{entry.line}: {entry.key}= has no effect: {IGNORED[entry.key]}")
            continue
        _check(name, kind, entry)
        try:
            value = expand(entry.value, {**specifiers, "n": name, "N": stem, "p": stem})
        except UnitError as error:
            raise UnitError(f"{name}:{entry.line}: {error}") from None
        values[entry.key] = [*values.get(entry.key, []), value] if value else []
    try:
        return _service(name, values, tuple(ignored)) if kind == "service" else _socket(name, values, tuple(ignored))
    except ValueError as error:
        raise UnitError(f"{name}: {error}") from None


def _check(name: str, kind: str, entry: Entry) -> None:
    allowed = MODELLED.get(entry.section, set()) if entry.section.lower() in ("unit", "install", kind) else set()
    if entry.key not in allowed:
        raise UnitError(f"{name}:{entry.line}: [{entry.section}] {entry.key}= is not modelled by the rehearsal's init")
    if entry.key in CHOICES and entry.value not in CHOICES[entry.key]:
        raise UnitError(f"{name}:{entry.line}: {entry.key}={entry.value} is not modelled; {', '.join(CHOICES[entry.key])} are")


class _Values:
    """The assignments of one file: the last wins, or all count, as each directive wants it."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def last(self, key: str, default: str) -> str:
        return (self._values.get(key) or [default])[-1]

    def all(self, key: str) -> list[str]:
        return self._values.get(key, [])

    def words(self, key: str) -> tuple[str, ...]:
        return tuple(word for value in self.all(key) for word in value.split())

    def commands(self, key: str) -> tuple[Command, ...]:
        return tuple(command(value) for value in self.all(key))


def _service(name: str, raw: Mapping[str, list[str]], ignored: tuple[str, ...]) -> ServiceUnit:
    values = _Values(raw)
    starts = values.commands("ExecStart")
    if len(starts) != 1:
        raise UnitError(f"{len(starts)} lines ExecStart=; one is modelled")
    both = values.last("TimeoutSec", "90")
    return ServiceUnit(
        name=name,
        description=values.last("Description", name),
        type=values.last("Type", "simple"),
        pre=values.commands("ExecStartPre"),
        start=starts[0],
        reload=values.commands("ExecReload"),
        directory=values.last("WorkingDirectory", "/"),
        environment=dict(pair.split("=", 1) for line in values.all("Environment") for pair in shlex.split(line)),
        files=tuple(values.all("EnvironmentFile")),
        runtime=values.words("RuntimeDirectory"),
        umask=int(values.last("UMask", "0022"), 8),
        kill_signal=_signal(values.last("KillSignal", "SIGTERM")),
        kill_mode=values.last("KillMode", "control-group"),
        start_timeout=seconds(values.last("TimeoutStartSec", both)),
        stop_timeout=seconds(values.last("TimeoutStopSec", both)),
        restart=values.last("Restart", "no"),
        restart_after=seconds(values.last("RestartSec", "100ms")),
        limit_interval=seconds(values.last("StartLimitIntervalSec", "10s")),
        limit_burst=int(values.last("StartLimitBurst", "5")),
        requires=values.words("Requires"),
        after=values.words("After"),
        sockets=values.words("Sockets"),
        conditions=_paths(values.all("ConditionPathExists")),
        ignored=ignored,
    )


def _paths(found: list[str]) -> tuple[str, ...]:
    for path in found:
        if not path.startswith("/"):
            raise UnitError(f"ConditionPathExists={path} is not modelled; an absolute path is")
    return tuple(found)


def _signal(text: str) -> signal.Signals:
    try:
        return signal.Signals(int(text)) if text.isdecimal() else signal.Signals[text if text.startswith("SIG") else f"SIG{text}"]
    except (KeyError, ValueError):
        raise UnitError(f"KillSignal={text} is no signal") from None


def _socket(name: str, raw: Mapping[str, list[str]], ignored: tuple[str, ...]) -> SocketUnit:
    values = _Values(raw)
    listens = values.all("ListenStream")
    if len(listens) != 1 or boolean(values.last("Accept", "no")):
        raise UnitError("one ListenStream= and Accept=no are modelled, nothing else")
    return SocketUnit(
        name=name,
        description=values.last("Description", name),
        listen=listens[0],
        mode=int(values.last("SocketMode", "0666"), 8),
        backlog=int(values.last("Backlog", "4096")),
        service=values.last("Service", f"{name.removesuffix('.socket')}.service"),
        remove=boolean(values.last("RemoveOnStop", "no")),
        ignored=ignored,
    )
