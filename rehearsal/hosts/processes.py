"""Hosts that are processes: no root, no virtual machine; a folder is the disk, an SSH server in this process is the door.

This tests the orchestration, not images and not systemd: results from these hosts are labelled so. One thread runs one
asyncio loop that serves SSH, the init and the front of every instance, each on its own address of 127.0.0.0/8. What the
instances start are real processes: shells, git, gunicorn. None of them outlives the rehearsal (see `reaper.py`).
"""

import asyncio
import logging
import re
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

from ..loop_thread import LoopThread
from . import disks, reaper
from .base import Door
from .machine import SHUTDOWN_LIMIT, Kind, Machine
from .nginx_stand_in import HTTPS
from .paths import Place
from .unreachable import within

log = logging.getLogger("rehearsal.hosts")
ROLE = "ramped:role"  # the tag by whose value ramped-role writes /run/ramped/role-<value>
FAULTS = ("dead", "error", "silent")


class ProcessHosts:
    """Machines made of processes, behind the interface that both kinds of host have.

    Calls return at once; what is asked of one instance is done in the order of asking. Both `directory/instances` and
    `directory/images` belong to it, and are removed by `close` as by a sudden death.
    """

    network = "127.0.0.0/8"

    def __init__(
        self,
        directory: Path,
        *,
        authorized_key: str,
        ssh_port: int = 2222,
        http_port: int = 8080,
        health_path: str = "/health/",
        upstream: str = "shop.sock",
        user: str = "admin",
        private: str = "open",
        key_algorithm: str = "ssh-ed25519",
        shutdown_limit: float = SHUTDOWN_LIMIT,
        again: bool = False,
        secure: Mapping[str, str] = HTTPS,
    ) -> None:
        """Be ready to launch.

        `authorized_key` is a public key in OpenSSH's format; `health_path` the site's own health view; `upstream` the name of
        gunicorn's socket in the run directory (`%t` of the units); `user` is what $USER says;
        `private`: SSH to a private address is `open` to the operator, or `closed` as it is from outside of the VPC;
        `key_algorithm`: of the only host key, such as `ssh-rsa` or `ecdsa-sha2-nistp384`; `shutdown_limit`: seconds that units
        have to stop in at power off, before the power is cut; `again`: nginx sends a request that may be repeated again where
        the site closed the connection without an answer; `secure`: the headers by which it says https.
        """
        self._directory = directory
        ports, closed = (ssh_port, http_port), private == "closed"
        self._kind = Kind(*ports, authorized_key, health_path, upstream, key_algorithm, shutdown_limit, again, secure, closed)
        self._user = user
        self.token = secrets.token_hex(8)
        self.run_folder = Path(tempfile.mkdtemp(prefix="rehearsal-run-", dir=_short_folder()))
        self._machines: dict[str, Machine] = {}
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._images: dict[str, asyncio.Future[None]] = {}
        self._faults: dict[str, str] = {}
        owned = (directory / "instances", directory / "images", self.run_folder)
        for folder in owned:
            folder.mkdir(parents=True, exist_ok=True)
        self._reaper = reaper.Reaper(self.token, owned)
        self._loop = LoopThread("process-hosts")
        self._closed = False

    def add_image(self, image_id: str, disk: Path) -> None:
        """Make an image of any folder, and wait until it is there: the first image of a rehearsal."""
        self._loop.call(self._take_image(image_id, disk, None), 120)

    def disk(self, instance_id: str) -> Path:
        """Return the disk of an instance: the home folder of its SSH user."""
        return self._place(instance_id, "").home

    def launch(self, instance_id: str, address: str, image_id: str, user_data: str, tags: Mapping[str, str]) -> None:
        """Power a new instance on, with a copy of the image's disk; user data is not run, and the console says so."""

        def fault() -> str:
            return self._faults.get(instance_id) or self._faults.get(image_id, "")

        machine = Machine(self._place(instance_id, address), image_id, self._kind, fault, _role(tags))
        self._machines[instance_id] = machine
        if user_data:
            machine.place.print("cloud-init: user data is not run: not modelled by process hosts")
        self._enqueue(instance_id, lambda: self._first_boot(machine))

    def stop(self, instance_id: str) -> None:
        """Power off; the disk stays."""
        self._enqueue(instance_id, self._machine(instance_id).shut_down)

    def start(self, instance_id: str) -> None:
        """Power on again."""
        self._enqueue(instance_id, self._machine(instance_id).boot)

    def reboot(self, instance_id: str) -> None:
        """Power off and on."""
        self.stop(instance_id)
        self.start(instance_id)

    def terminate(self, instance_id: str) -> None:
        """Power off for good; the disk goes."""
        self._enqueue(instance_id, self._machine(instance_id).destroy)

    def snapshot(self, instance_id: str, image_id: str) -> None:
        """Copy the disk of an instance, running or not, as an image; launches of the image wait until it is whole."""
        home, done = self._machine(instance_id).place.home, Future[None]()
        self._enqueue(instance_id, lambda: self._take_image(image_id, home, done))
        self._loop.loop.call_soon_threadsafe(lambda: self._images.setdefault(image_id, asyncio.wrap_future(done)))

    def copied(self, image_id: str) -> bool:
        """Say whether an image's disk is whole."""
        return self._image(image_id).is_dir()

    def forget_image(self, image_id: str) -> None:
        """Remove an image; again is harmless."""
        self._loop.submit(asyncio.to_thread(disks.remove, self._image(image_id)))

    def doors(self, private: str) -> tuple[Door, ...]:
        """Return what a public address opens: SSH and HTTP."""
        kind = self._kind
        inside = within(private) if kind.closed else private
        return (Door(kind.ssh_port, inside, kind.ssh_port), Door(kind.http_port, private, kind.http_port))

    def console(self, instance_id: str) -> str:
        """Return what the machine has printed since its first boot."""
        path = self._place(instance_id, "").root / "console.log"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def admit(self, instance_id: str, public_key: str, seconds: float) -> None:
        """Make the SSH server of a machine accept a public key for `seconds`."""
        self._machine(instance_id).admit(public_key, seconds)

    def set_image_fault(self, image_id: str, fault: str | None) -> None:
        """Let the machines of an image fail: `dead` never boots, `error` answers 500, `silent` never answers; None mends it.

        Raises ValueError for another fault.
        """
        self._faults[image_id] = _known(fault)

    def set_instance_fault(self, instance_id: str, fault: str | None) -> None:
        """Make one machine fail in the same ways, from now on: `dead` cuts its power; raises ValueError for another fault."""
        self._faults[instance_id] = _known(fault)
        if fault == "dead":
            self.stop(instance_id)

    def settle(self, seconds: float = 60) -> None:
        """Wait until all that was asked so far is done."""
        self._loop.call(self._settle(), seconds)

    def close(self) -> None:
        """Cut the power of everything and remove every disk and image; again is harmless.

        Nothing is stopped in order: no disk remains that could show it.
        """
        if self._closed:
            return
        self._closed = True
        with ExitStack() as stack:
            stack.callback(self._reaper.close)
            stack.callback(self._loop.close)
            self._loop.call(self._cut(), 120)

    async def _cut(self) -> None:
        # What a machine does just now, it does to the end, which is near once its processes are dead; nothing else begins.
        while True:
            for machine in self._machines.values():
                machine.let_go()
            await asyncio.to_thread(reaper.sweep, f"{self.token}/")
            turns = {task for task in self._turns.values() if not task.done()}
            if not turns:
                break
            await asyncio.wait(turns, timeout=0.1)
        await asyncio.gather(*(machine.cut() for machine in self._machines.values()))

    def _place(self, instance_id: str, address: str) -> Place:
        root = self._directory / "instances" / instance_id
        return Place(instance_id, address, root, self.run_folder / instance_id, self.token, self._user)

    def _image(self, image_id: str) -> Path:
        return self._directory / "images" / image_id

    def _machine(self, instance_id: str) -> Machine:
        if instance_id not in self._machines:
            raise KeyError(f"no instance {instance_id} was launched")
        return self._machines[instance_id]

    def _enqueue(self, instance_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work after what was asked of the same instance before; a failure goes to its console and the log."""

        def append() -> None:
            before = self._turns.get(instance_id)
            self._turns[instance_id] = self._loop.loop.create_task(self._in_turn(instance_id, before, work))

        self._loop.loop.call_soon_threadsafe(append)

    async def _in_turn(self, instance_id: str, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
        if before:
            await asyncio.wait({before})
        if self._closed:
            return
        try:
            await work()
        except (OSError, disks.DiskError) as error:
            log.error("%s: %s", instance_id, error)
            self._machines[instance_id].place.print(f"The machine has failed: {error}")

    async def _first_boot(self, machine: Machine) -> None:
        pending = self._images.get(machine.image_id)
        if pending:
            await asyncio.shield(pending)
        await machine.first_boot(self._image(machine.image_id))

    async def _take_image(self, image_id: str, disk: Path, done: "Future[None] | None") -> None:
        try:
            await disks.copy(disk, self._image(image_id))
        finally:
            if done:
                done.set_result(None)

    async def _settle(self) -> None:
        while pending := {task for task in self._turns.values() if not task.done()}:
            await asyncio.wait(pending)


def _short_folder() -> str:
    """Return where temporary files go, if paths of sockets below it stay within their 107 bytes, or /tmp."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= 30 else "/tmp"


def _role(tags: Mapping[str, str]) -> str:
    value = tags.get(ROLE, "")
    return value if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) else "web"


def _known(fault: str | None) -> str:
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"{fault!r} is no fault of a process host; faults: {', '.join(FAULTS)}")
    return fault or ""
