"""The init of a process host: the units of its disk, and the jobs on them.

It tests the orchestration (what is asked of systemd, in which order, and what becomes of the site meanwhile), not systemd:
it reads the real unit files in `systemd/` of the disk and does what systemd's manual says of the subset that `units.py`
lists. A directive outside the subset keeps the unit from loading, with the line in the message. Every unit file that lies
there is enabled. Units are read at boot and at `daemon-reload`, not before a restart, as on a real machine.
"""

import asyncio
import socket
import time
from functools import partial
from pathlib import Path

from .paths import Place
from .services import JobFailed, Service
from .sockets import ListeningSocket
from .unit_syntax import UnitError
from .units import SocketUnit, parse


class UnknownUnit(Exception):
    """Name a unit that the disk does not hold."""


class Supervisor:
    """Load, start, stop, restart and reload the units of one machine."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.booted = time.monotonic_ns() // 1000  # microseconds
        self.finished = 0  # microseconds from then until every unit had started
        self.services: dict[str, Service] = {}
        self.sockets: dict[str, ListeningSocket] = {}
        self.broken: dict[str, str] = {}
        self._loaded: dict[str, str] = {}
        self._activations: set[asyncio.Task[None]] = set()

    @property
    def folder(self) -> Path:
        """Where the unit files lie."""
        return self.place.home / "systemd"

    async def boot(self) -> None:
        """Load and start every unit, sockets first; failures are printed on the console, as at a real boot."""
        self.load()
        for name in [*self.sockets, *self.services]:
            await self._boot_unit(name)
        for name, why in self.broken.items():
            self.place.print(f"[FAILED] {name} is not loaded: {why}")
        self.finished = time.monotonic_ns() // 1000 - self.booted

    async def _boot_unit(self, name: str) -> None:
        try:
            await self.start(name)
            service = self.services.get(name)
            skipped = service is not None and service.status.active == "inactive"
            self.place.print(f"[  OK  ] {'Skipped' if skipped else 'Started'} {name}.")
        except JobFailed as failure:
            self.place.print(f"[FAILED] Failed to start {name}: {failure}")

    def load(self) -> None:
        """Read the unit files again; running services go on and take the new definition at their next start."""
        self.broken.clear()
        self._loaded = self.on_disk()
        specifiers = {"h": str(self.place.home), "t": str(self.place.run), "u": self.place.user, "H": self.place.hostname}
        for name, text in self._loaded.items():
            try:
                unit = parse(name, text, specifiers)
            except UnitError as error:
                self.broken[name] = str(error)
                continue
            for line in unit.ignored:
                self.place.note(name, line)
            if isinstance(unit, SocketUnit):
                self._take_socket(unit)
            elif name in self.services:
                self.services[name].unit = unit
            else:
                self.services[name] = Service(self.place, unit, partial(self._handle, name), self._on_dead)

    def _take_socket(self, unit: SocketUnit) -> None:
        if unit.name in self.sockets:
            self.sockets[unit.name].unit = unit
        else:
            self.sockets[unit.name] = ListeningSocket(self.place, unit, self._activate)

    def on_disk(self) -> dict[str, str]:
        """Return the unit files as they are now, text by name."""
        if not self.folder.is_dir():
            return {}
        files = sorted(p for p in self.folder.iterdir() if p.suffix in (".service", ".socket"))
        return {path.name: path.read_text() for path in files}

    def changed(self, name: str) -> bool:
        """Say whether a unit file differs from what was loaded."""
        return self.on_disk().get(name) != self._loaded.get(name)

    def find(self, name: str) -> Service | ListeningSocket:
        """Return a loaded unit; raises UnknownUnit, or JobFailed if its file holds what is not modelled."""
        if name not in self._loaded and name in self.on_disk():
            self.load()
        if name in self.broken:
            raise JobFailed(f"Unit {name} has a bad unit file setting: {self.broken[name]}")
        unit = self.services.get(name) or self.sockets.get(name)
        if not unit:
            raise UnknownUnit(name)
        return unit

    def triggers(self, service: str) -> list[ListeningSocket]:
        """Return the sockets that start a service."""
        wanted = self.services[service].unit.sockets if service in self.services else ()
        return [s for s in self.sockets.values() if s.unit.service == service or s.unit.name in wanted]

    def _handle(self, service: str) -> socket.socket | None:
        return next((s.handle for s in self.triggers(service) if s.handle), None)

    async def start(self, name: str) -> None:
        """Start a unit, and the sockets that a service requires; raises JobFailed, UnknownUnit."""
        unit = self.find(name)
        if isinstance(unit, ListeningSocket):
            self._listen(unit)
            if not self._runs(unit.unit.service):
                unit.watch()
            return
        self._prepare(unit)
        await unit.start()

    async def restart(self, name: str) -> None:
        """Stop and start a unit; its sockets go on listening meanwhile; raises JobFailed, UnknownUnit."""
        unit = self.find(name)
        if isinstance(unit, ListeningSocket):
            ran = self._runs(unit.unit.service)
            await self.stop(name)
            await self.start(name)
            if ran:
                await self.start(unit.unit.service)
            return
        self._prepare(unit)
        await unit.restart()

    async def stop(self, name: str) -> None:
        """Stop a unit; with a socket, the services that require it; raises UnknownUnit."""
        unit = self.find(name)
        if isinstance(unit, ListeningSocket):
            for service in self.services.values():
                if name in service.unit.requires:
                    await service.stop()
            unit.close()
            return
        await unit.stop()

    async def reload(self, name: str) -> None:
        """Reload a service; raises JobFailed, UnknownUnit."""
        unit = self.find(name)
        if isinstance(unit, ListeningSocket):
            raise JobFailed(f"Failed to reload {name}: Job type reload is not applicable for unit {name}.")
        await unit.reload()

    async def shut_down(self) -> None:
        """Stop everything, sockets first, as at power off."""
        self._hang_up()
        await asyncio.gather(*(service.stop() for service in self.services.values()))

    def let_go(self) -> None:
        """Watch nothing any more: the processes are about to be killed."""
        self._hang_up()
        for service in self.services.values():
            service.let_go()

    async def ended(self) -> None:
        """Wait until the processes that were killed are gone."""
        await asyncio.gather(*(service.ended() for service in self.services.values()))

    def _hang_up(self) -> None:
        for task in self._activations:
            task.cancel()
        for listening in self.sockets.values():
            listening.close()

    def _runs(self, service: str) -> bool:
        return service in self.services and self.services[service].status.active in ("active", "activating")

    def _listen(self, listening: ListeningSocket) -> None:
        try:
            listening.listen()
        except OSError as error:
            listening.close(failed=True)
            raise JobFailed(f"Job for {listening.unit.name} failed: {listening.unit.listen}: {error.strerror}.") from None

    def _prepare(self, service: Service) -> None:
        for name in service.unit.requires:
            if name.endswith(".socket"):
                required = self.find(name)
                assert isinstance(required, ListeningSocket)
                self._listen(required)
        for listening in self.triggers(service.unit.name):
            listening.unwatch()

    def _activate(self, service: str) -> None:
        """Start a service because of a connection to its socket."""
        task = asyncio.get_running_loop().create_task(self._activated(service))
        self._activations.add(task)
        task.add_done_callback(self._activations.discard)

    async def _activated(self, service: str) -> None:
        try:
            await self.start(service)
        except (JobFailed, UnknownUnit) as error:
            self.place.note(service, f"activation by its socket failed: {error}")

    def _on_dead(self, service: str) -> None:
        """A service is down for good: its sockets wait for the next visitor, or give up with it."""
        gave_up = self.services[service].status.result == "start-limit-hit"
        for listening in self.triggers(service):
            if gave_up:
                listening.close(failed=True)
            else:
                listening.watch()
