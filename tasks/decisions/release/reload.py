"""How the site's processes on one host are made to see new files, without losing a request.

A reload (HUP) suffices where each worker loads the application anew. Under gunicorn's `--preload` the master keeps the old
one, and with it WhiteNoise's list of files; then a restart is needed, which loses nothing where systemd holds the socket,
and must be preceded by a drain where it does not. `--preload` may also hide in a configuration file, which no unit shows:
therefore what was seen after a reload counts more than what was read before.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

PROPERTIES = ("LoadState", "ActiveState", "ExecStart", "ExecReload", "Environment", "TriggeredBy")


class ReloadMethod(Enum):
    """A method to make the processes of a host look again, the gentlest first."""

    RELOAD = "reload"
    SOCKET_RESTART = "restart behind its socket"
    DRAIN = "drain, restart and return"


@dataclass(frozen=True)
class Service:
    """What systemd says about the service that serves the site."""

    loaded: bool
    active: bool
    reloadable: bool
    preloads: bool
    socket: str | None  # the unit that holds its listening socket


def read_service(printed: str) -> Service:
    """Read `systemctl show` with PROPERTIES.

    Source: systemctl(1), "show"; gunicorn's documentation, "Settings": preload_app, GUNICORN_CMD_ARGS.
    """
    told = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    sockets = [unit for unit in told.get("TriggeredBy", "").split() if unit.endswith(".socket")]
    return Service(
        loaded=told.get("LoadState", "loaded") == "loaded",
        active=told.get("ActiveState") in ("active", "reloading"),
        reloadable=bool(told.get("ExecReload", "").strip()),
        preloads=bool(
            re.search(r"(?:^|[\s;'\"=])--preload(?=$|[\s;'\"])", f"{told.get('ExecStart', '')} {told.get('Environment', '')}")
        ),
        socket=sockets[0] if sockets else None,
    )


def methods(service: Service) -> tuple[ReloadMethod, ...]:
    """Return the methods that may work, the gentlest first; the last one always does."""
    gentle = [ReloadMethod.RELOAD] if service.reloadable and service.active and not service.preloads else []
    return (*gentle, ReloadMethod.SOCKET_RESTART if service.socket else ReloadMethod.DRAIN)


def next_method(service: Service, without_effect: Sequence[ReloadMethod]) -> ReloadMethod | None:
    """Return the method to use now.

    `without_effect`: methods after which the site was well but still did not know the new file, on this host or on another
    one with the same service. Returns None when none is left: then something else is wrong.
    """
    return next((method for method in methods(service) if method not in without_effect), None)
