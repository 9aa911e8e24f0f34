"""`MachineHosts`: machines behind the interface that all kinds of host have."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from . import disks, golden, image_files, namespaces, network
from .machine import Kind, Machine

log = logging.getLogger("rehearsal.hosts")


class MachineHosts:
    """Machines with systemd, in a box (see `box.py`).

    Calls return at once; what is asked of one instance is done in the order of asking. `directory`/instances and
    `directory`/images are removed by `close`; at a sudden death the box's reaper removes the directory.
    """

    network = "10.0.0.0/8"

    def __init__(
        self,
        directory: Path,
        octet: int,
        *,
        authorized_key: str,
        shared: str = "",
        shared_at: str = image_files.SHARED,
        mounted: Mapping[str, str] | None = None,
        readable: Mapping[str, str] | None = None,
        packages: Sequence[str] = (),
    ) -> None:
        """Build the network and be ready to launch.

        `authorized_key` is a public key in OpenSSH's format, `shared` the folder that stands for EFS (made if there is none),
        `shared_at` where machines have it. `mounted`: more folders, by where machines have them; `readable`: others, which
        they only read. `packages`: of Debian, for a site that is not the shop. Raises LookupError outside of a box,
        NetworkError, GoldenError.
        """
        namespaces.group()  # outside of a box the network would be the computer's own
        efs = Path(shared) if shared else directory / "shared"
        for folder in (directory / "instances", directory / "images", efs):
            folder.mkdir(parents=True, exist_ok=True)
        self._stack = ExitStack()
        layers = golden.layers(more=packages)
        for layer in layers:
            self._stack.enter_context(golden.in_use(layer))
        layers.append(golden.write_settings(directory / "settings"))
        self.kind = Kind(directory, layers, octet, authorized_key, efs, shared_at, mounted or {}, readable or {})
        self._machines: dict[str, Machine] = {}
        self._turns: dict[str, ThreadPoolExecutor] = {}
        self._images: dict[str, Future[None]] = {}
        network.build(octet)

    @property
    def layers(self) -> Sequence[Path]:
        """The layers of the golden image, the lowest first."""
        return self.kind.layers

    def add_image(self, image_id: str, disk: Path) -> None:
        """Make an image of a folder with what lies over the golden image (it may be empty), and wait until it is there."""
        disks.copy(disk, self.image(image_id))

    def image(self, image_id: str) -> Path:
        """Return an image's topmost layer: all in which it differs from the golden image."""
        return self.kind.directory / "images" / image_id

    def launch(self, instance_id: str, address: str, image_id: str, user_data: str, tags: Mapping[str, str]) -> None:
        """Power a new instance on, with a copy of the image's disk; user data that is a script is run at its first boot."""
        machine = self._machines[instance_id] = Machine(instance_id, address, image_id, self.kind)
        self._turns[instance_id] = ThreadPoolExecutor(1, thread_name_prefix=instance_id)
        self._enqueue(instance_id, lambda: self._first_boot(machine, user_data))

    def _first_boot(self, machine: Machine, user_data: str) -> None:
        if pending := self._images.get(machine.image_id):
            wait([pending])
        machine.first_boot(self.image(machine.image_id), user_data)

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
        machine = self._machine(instance_id)
        self._images[image_id] = self._enqueue(instance_id, lambda: disks.copy(machine.upper, self.image(image_id)))

    def copied(self, image_id: str) -> bool:
        """Say whether an image's disk is whole."""
        return self.image(image_id).is_dir()

    def forget_image(self, image_id: str) -> None:
        """Remove an image; again is harmless."""
        shutil.rmtree(self.image(image_id), ignore_errors=True)

    def console(self, instance_id: str) -> str:
        """Return what the machine has printed since its first boot."""
        path = self.kind.directory / "instances" / instance_id / "console.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def close(self) -> None:
        """Cut everybody's power and remove every disk and image; again is harmless."""
        machines, self._machines = self._machines, {}
        last = [
            self._turns[name].submit(self._guarded, machine, partial(machine.destroy, 0)) for name, machine in machines.items()
        ]
        wait(last)
        for turn in self._turns.values():
            turn.shutdown()
        for name in ("instances", "images", "settings"):
            shutil.rmtree(self.kind.directory / name, ignore_errors=True)
        self._stack.close()

    def _machine(self, instance_id: str) -> Machine:
        if instance_id not in self._machines:
            raise KeyError(f"no instance {instance_id} was launched")
        return self._machines[instance_id]

    def _enqueue(self, instance_id: str, work: Callable[[], None]) -> "Future[None]":
        """Do the work after what was asked of the same instance before; a failure goes to its console and the log."""
        return self._turns[instance_id].submit(self._guarded, self._machines[instance_id], work)

    @staticmethod
    def _guarded(machine: Machine, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, disks.DiskError, network.NetworkError) as error:
            log.error("%s: %s", machine.instance_id, error)
            if machine.root.is_dir():
                machine.print(f"The machine has failed: {error}")
