"""The simplest real hosts: every instance is a tiny HTTP server on its own address, all of them in one thread."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from ..loop_thread import LoopThread
from .base import Door

FAULTS = (None, "error", "dead", "silent")


@dataclass
class Disk:
    """What an image or an instance holds: the revision of the site."""

    revision: str


@dataclass
class Machine:
    """One instance."""

    address: str
    image: str
    disk: Disk
    on: bool = True
    fault: str | None = None
    boots: int = 0
    requests: int = 0
    lines: list[str] = field(default_factory=list)
    listener: socket.socket | None = None


class BareHosts:
    """Serve `{"status": "ok", "revision": ...}` for `/` and `/health_check/...` on every instance's address.

    The revision is the image's: `revisions` gives the first ones by image id, `revision=X` in the user data wins, `deploy`
    changes that of an instance, and an image made of the instance takes it along.
    """

    network = "127.0.0.0/8"

    def __init__(self, port: int = 8080, app_start: float = 0.0) -> None:
        self.port = port
        self.revisions: dict[str, str] = {}
        self._app_start = app_start  # seconds from power on to the first answer
        self._machines: dict[str, Machine] = {}
        self._ever: list[Machine] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._image_faults: dict[str, str | None] = {}
        self._loop = LoopThread("bare-hosts")

    # -- what the cloud asks

    def launch(self, instance_id: str, address: str, image_id: str, user_data: str, tags: Mapping[str, str]) -> None:
        """Power on a new instance."""
        revisions = [line.removeprefix("revision=") for line in user_data.splitlines() if line.startswith("revision=")]
        revision = revisions[0] if revisions else self.revisions.get(image_id, "base")
        self._machines[instance_id] = Machine(address, image_id, Disk(revision))
        self._ever.append(self._machines[instance_id])
        self._power_on(instance_id)

    def stop(self, instance_id: str) -> None:
        """Power off."""
        machine = self._machines[instance_id]
        machine.on = False
        self._soon(self._sync, machine)

    def start(self, instance_id: str) -> None:
        """Power on again."""
        self._machines[instance_id].on = True
        self._power_on(instance_id)

    def reboot(self, instance_id: str) -> None:
        """Power off and on."""
        self._power_on(instance_id, down_first=True)

    def terminate(self, instance_id: str) -> None:
        """Power off for ever."""
        if instance_id in self._machines:
            self.stop(instance_id)
            del self._machines[instance_id]

    def snapshot(self, instance_id: str, image_id: str) -> None:
        """Let an image have the instance's revision."""
        self.revisions[image_id] = self._machines[instance_id].disk.revision

    def forget_image(self, image_id: str) -> None:
        """Drop an image."""
        self.revisions.pop(image_id, None)

    def console(self, instance_id: str) -> str:
        """Return the lines that the instance printed; "" for a terminated instance."""
        machine = self._machines.get(instance_id)
        return "".join(f"{line}\n" for line in machine.lines) if machine else ""

    def doors(self, private: str) -> tuple[Door, ...]:
        """Return what a public address opens: the HTTP port."""
        return (Door(self.port, private, self.port),)

    def close(self) -> None:
        """Stop everything."""
        for instance_id in list(self._machines):
            self.terminate(instance_id)
        self._loop.call(self._settle())
        self._loop.close()

    # -- accidents

    def set_image_fault(self, image_id: str, fault: str | None) -> None:
        """Let an image's instances answer 500 (`error`), refuse (`dead`), never answer (`silent`), or be well again (None)."""
        _check(fault)
        self._image_faults[image_id] = fault
        for instance_id, machine in list(self._machines.items()):
            if machine.image == image_id:
                self.set_instance_fault(instance_id, fault)

    def set_instance_fault(self, instance_id: str, fault: str | None) -> None:
        """Make one instance fail in the same ways."""
        _check(fault)
        machine = self._machines[instance_id]
        machine.fault = fault
        self._soon(self._sync, machine)

    # -- what tests ask

    def deploy(self, instance_id: str, revision: str) -> None:
        """Change the revision on an instance's disk."""
        self._machines[instance_id].disk.revision = revision

    def revision(self, instance_id: str) -> str:
        """Return the revision on an instance's disk."""
        return self._machines[instance_id].disk.revision

    def running(self) -> list[str]:
        """Return the ids of the instances that are powered on."""
        return [instance_id for instance_id, machine in list(self._machines.items()) if machine.on]

    # -- inside the loop: asyncio's own server loses connections that it accepts while it closes, so we accept ourselves

    def _soon(self, work: Callable[..., object], *arguments: object) -> None:
        self._loop.loop.call_soon_threadsafe(partial(work, *arguments))

    def _power_on(self, instance_id: str, *, down_first: bool = False) -> None:
        machine = self._machines[instance_id]
        machine.boots += 1
        machine.fault = self._image_faults.get(machine.image)
        machine.lines.append(f"boot {machine.boots} of {instance_id} at {machine.address}")
        if down_first:
            self._soon(self._hang_up, machine)
        self._soon(self._loop.loop.call_later, self._app_start, self._sync, machine)

    def _sync(self, machine: Machine) -> None:
        """Listen if the machine should, hang up if it should not."""
        if not machine.on or machine.fault == "dead":
            self._hang_up(machine)
        elif machine.listener is None:
            machine.listener = socket.create_server((machine.address, self.port), backlog=128)
            machine.listener.setblocking(False)
            self._loop.loop.add_reader(machine.listener, self._accept, machine)

    def _hang_up(self, machine: Machine) -> None:
        if machine.listener is not None:
            self._loop.loop.remove_reader(machine.listener)
            machine.listener.close()
            machine.listener = None

    def _accept(self, machine: Machine) -> None:
        assert machine.listener is not None
        try:
            connection, _ = machine.listener.accept()
        except BlockingIOError:
            return
        connection.setblocking(False)
        task = self._loop.loop.create_task(self._serve(machine, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        for machine in self._ever:
            machine.on = False
            self._hang_up(machine)
        await asyncio.sleep(0)  # a task that has not begun would not close its connection
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, machine: Machine, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            path = (await reader.readline()).split()[1].decode()
            while (await reader.readline()).strip():
                pass
            if machine.fault == "silent":
                await reader.read()  # until the client disconnects
            writer.write(self._answer(machine, path))
            await writer.drain()
        except (OSError, IndexError):
            return
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @staticmethod
    def _answer(machine: Machine, path: str) -> bytes:
        machine.requests += 1
        status = "500 Internal Server Error" if machine.fault == "error" else "200 OK"
        if status == "200 OK" and path != "/" and not path.startswith("/health_check/"):
            status = "404 Not Found"
        state = {"status": "ok" if status == "200 OK" else "error", "revision": machine.disk.revision}
        body = json.dumps(state).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        return head.encode() + body


def _check(fault: str | None) -> None:
    if fault not in FAULTS:
        raise ValueError(f"no such fault of a host: {fault}; there are error, dead, silent, null")
