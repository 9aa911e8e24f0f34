"""One process host from power on to power off: disk, host key, console, SSH, init and front."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import disks, fake_programs, reaper
from .nginx_stand_in import HTTPS, Front
from .paths import Place
from .sshd import Sshd, host_key
from .supervisor import Supervisor
from .systemctl import Systemctl

SHUTDOWN_LIMIT = 30.0  # seconds until the power is cut; EC2 documents none


@dataclass(frozen=True)
class Kind:
    """What all machines of one rehearsal have in common."""

    ssh_port: int
    http_port: int
    authorized_keys: str
    health_path: str
    upstream: str  # the name of gunicorn's socket in the run directory
    key_algorithm: str = "ssh-ed25519"  # of the only host key
    shutdown_limit: float = SHUTDOWN_LIMIT
    again: bool = False  # nginx sends a request again where the site closed the connection without an answer
    secure: Mapping[str, str] = field(
        default_factory=lambda: HTTPS
    )  # the headers in which nginx says that a request came by https
    closed: bool = False  # SSH to a private address is only for the other machines, and for doors of public addresses


class Machine:
    """Boot and shut down one machine; calls are made one after the other."""

    def __init__(self, place: Place, image_id: str, kind: Kind, fault: Callable[[], str], role: str = "web") -> None:
        self.place = place
        self.image_id = image_id
        self.on = False
        self._kind = kind
        self._role = role
        self._fault = fault
        self._init = Supervisor(place)
        self._sshd = Sshd(place, kind.ssh_port, kind.authorized_keys, closed=kind.closed)
        upstream = place.run / kind.upstream
        self._front = Front(
            place.address, kind.http_port, upstream, kind.health_path, fault, again=kind.again, secure=kind.secure
        )
        self._control: asyncio.Server | None = None

    def admit(self, public_key: str, seconds: float) -> None:
        """Make SSH accept a public key for `seconds`; safe to call from any thread."""
        self._sshd.guests.admit(public_key, seconds)

    async def first_boot(self, image: Path) -> None:
        """Boot from a copy of the image's disk, with a host key of its own, printed as cloud-init prints it."""
        await disks.copy(image, self.place.home)
        fake_programs.install(self.place.bin, self.place.control)
        self.place.journal("").mkdir(parents=True, exist_ok=True)
        if self._fault() != "dead":
            key = await asyncio.to_thread(host_key, self.place, self._kind.key_algorithm)
            for line in ("-----BEGIN SSH HOST KEY KEYS-----", key, "-----END SSH HOST KEY KEYS-----"):
                self.place.print(line)
        await self.boot()

    async def boot(self) -> None:
        """Power on: SSH, then the units, then the front."""
        self.on = True
        if self._fault() == "dead":
            self.place.print("Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)")
            return
        self.place.run.mkdir(parents=True, exist_ok=True)
        self._write_role()
        self.place.print(f"Booting {self.place.instance_id} ({self.place.hostname}), image {self.image_id}")
        await self._sshd.start()
        self._init = Supervisor(self.place)
        self._control = await asyncio.start_unix_server(Systemctl(self._init).serve, self.place.control)
        await self._front.start()
        await self._init.boot()
        self.place.print(f"{self.place.hostname} login:")

    def _write_role(self) -> None:
        """Do what ramped-role.service of the snippets does on a machine: units ask for the file."""
        folder = self.place.run / "ramped"
        folder.mkdir(exist_ok=True)
        (folder / "role").write_text(f"{self._role}\n", encoding="utf-8")
        (folder / f"role-{self._role}").touch()

    async def shut_down(self) -> None:
        """Power off: the units stop in order, then everything that is left of this machine is killed; the disk stays."""
        if not self.on:
            return
        self.on = False
        await self._sshd.close()
        try:
            async with asyncio.timeout(self._kind.shutdown_limit):
                await self._init.shut_down()
        except TimeoutError:
            self.place.print("A stop job took too long; power is cut")
        await self._hang_up()
        await asyncio.to_thread(reaper.sweep, self.place.mark())
        await asyncio.to_thread(disks.remove, self.place.run)
        self.place.print("reboot: Power down")

    async def _hang_up(self) -> None:
        await self._front.close()
        if self._control:
            self._control.close()
            await self._control.wait_closed()
            self._control = None

    def let_go(self) -> None:
        """Start nothing again that ends from now on: the power is about to be cut."""
        self._init.let_go()

    async def cut(self) -> None:
        """Cut the power, once the machine's processes have been killed; the disk stays."""
        if self.on:
            self.on = False
            await self._sshd.close()
            await self._init.ended()
            await self._hang_up()

    async def destroy(self) -> None:
        """Power off and remove the disk."""
        await self.shut_down()
        await asyncio.to_thread(disks.remove, self.place.root)
