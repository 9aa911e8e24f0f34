"""How the site's processes on a host load new files, without losing a request.

A reload (HUP) suffices where each worker loads the application again. Under gunicorn's `--preload` the master keeps the old
application, and with it WhiteNoise's list of files; then a restart is needed, which loses nothing where systemd holds the socket,
and must be preceded by a drain where it does not. `--preload` may also hide in a configuration file, which no unit shows:
therefore the result of a reload counts more than the unit's text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

PROPERTIES = ("LoadState", "ActiveState", "ExecStart", "ExecReload", "Environment", "TriggeredBy")

_STARTS = 4  # how many times as long as one process alone it may take until the first of several answers

_MANY = 2  # how many times as long as one process alone several may take, on a host with fewer processors


class ReloadMethod(Enum):
    """The methods to make the processes of a host load new files, the gentlest first."""

    RELOAD = "reload"
    SOCKET_RESTART = "restart behind its socket"
    DRAIN = "drain, restart and return"


@dataclass(frozen=True)
class Service:
    """The properties in systemd of the service that serves the site."""

    loaded: bool
    active: bool
    reloadable: bool
    preloads: bool
    socket: str | None  # the unit that holds its listening socket


def read_service(printed: str) -> Service:
    """Read `systemctl show` with PROPERTIES.

    Source: systemctl(1), "show"; gunicorn's documentation, "Settings": preload_app, GUNICORN_CMD_ARGS.
    """
    properties = dict(line.split("=", 1) for line in printed.splitlines() if "=" in line)
    sockets = [unit for unit in properties.get("TriggeredBy", "").split() if unit.endswith(".socket")]
    return Service(
        loaded=properties.get("LoadState", "loaded") == "loaded",
        active=properties.get("ActiveState") in ("active", "reloading"),
        reloadable=bool(properties.get("ExecReload", "").strip()),
        preloads=bool(
            re.search(
                r"(?:^|[\s;'\"=])--preload(?=$|[\s;'\"])",
                f"{properties.get('ExecStart', '')} {properties.get('Environment', '')}",
            )
        ),
        socket=sockets[0] if sockets else None,
    )


def methods(service: Service) -> tuple[ReloadMethod, ...]:
    """Return the methods that may work, the gentlest first; the last always works."""
    gentle = [ReloadMethod.RELOAD] if service.reloadable and service.active and not service.preloads else []
    return (*gentle, ReloadMethod.SOCKET_RESTART if service.socket else ReloadMethod.DRAIN)


def unnoticed(method: ReloadMethod, start: float | None, forgiven: float) -> ReloadMethod:
    """Return the method that the load balancer does not notice: behind its socket a site that starts is silent.

    `start`: seconds in which one process alone started and answered, None where it is not known; `forgiven`: seconds of silence
    after which the load balancer takes an instance out of traffic, infinite where there is none.
    """
    slow = forgiven < float("inf") and (start is None or _MANY * start >= forgiven)
    return ReloadMethod.DRAIN if method is ReloadMethod.SOCKET_RESTART and slow else method


def patience(timeout: float, start: float | None) -> float:
    """Return the seconds that a healthy site of old processes alone is given, before a stronger method is tried.

    `timeout`: of the whole; `start`: seconds in which one process alone started and answered, None where it is not known.
    """
    # Never all of it: the stronger method would not be tried.
    return min(timeout / 2, max(timeout / 4, _STARTS * (start or 0.0)))


@dataclass
class Effect:
    """The effect of a reload on a site that is healthy again: seen by whose processes answer.

    `patience`: seconds after which a site of old processes alone is taken for one on which the reload has no effect.
    """

    patience: float
    partly: bool = False  # some processes were new when others were old
    _since: float | None = None

    def ill(self) -> None:
        """Note that the site is not healthy: nothing can be said of it."""
        self._since, self.partly = None, False

    def seen(self, new: int, old: int, now: float) -> bool | None:
        """Return whether it has worked, from how many requests were answered by new and by old processes; None: wait.

        Servers such as uvicorn replace one process after the other. A restart in the middle of that would wait until it is
        over, and then for all of them to load the site.
        """
        if not old:
            return True
        # Old ones alone may be chance, where few are new.
        self.partly = self.partly or new > 0
        if self._since is None or new:
            self._since = now
        return False if now - self._since >= self.patience else None


def next_method(service: Service, without_effect: Sequence[ReloadMethod]) -> ReloadMethod | None:
    """Return the method to use now.

    `without_effect`: methods after which the site was healthy but still did not serve the new file, on this host or another
    with the same service. Returns None when none is left: then something else is wrong.
    """
    return next((method for method in methods(service) if method not in without_effect), None)
