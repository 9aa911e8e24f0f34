"""One machine from power on to power off: its disk, its cable, its systemd, its console."""

import shutil
import signal
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..reaper import kill_group, remove_group
from . import disks, image_files, namespaces, network

SHUTDOWN_LIMIT = 60.0  # seconds for an orderly end; then the power is cut
REBOOT = 133  # what systemd-nspawn exits with when the machine asks to be booted again


@dataclass(frozen=True)
class Kind:
    """What all machines of one rehearsal have in common."""

    directory: Path
    layers: Sequence[Path]  # of the golden image, the lowest first
    octet: int
    authorized_key: str
    shared: Path  # stands for EFS: one folder, mounted on every machine
    shared_at: str = image_files.SHARED
    mounted: Mapping[str, str] = field(default_factory=dict)  # folders of the rehearsal, by where machines have them
    readable: Mapping[str, str] = field(default_factory=dict)  # folders of this computer


class Machine:
    """Boot and shut down one machine; calls are made one after the other."""

    def __init__(self, instance_id: str, address: str, image_id: str, kind: Kind) -> None:
        self.instance_id, self.address, self.image_id = instance_id, address, image_id
        self._kind = kind
        self.root = kind.directory / "instances" / instance_id
        self._group = namespaces.group() / instance_id
        self._off = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None

    @property
    def upper(self) -> Path:
        """What the machine has written: its disk without the golden image."""
        return self.root / "upper"

    @property
    def hostname(self) -> str:
        """The EC2 host name of an address."""
        return f"ip-{self.address.replace('.', '-')}"

    def first_boot(self, image: Path, user_data: str) -> None:
        """Boot from a copy of an image's disk, as a new instance. Raises DiskError, NetworkError."""
        self.root.mkdir(parents=True)
        disks.copy(image, self.upper)
        self._write_seed(
            {
                "instance-id": self.instance_id,
                "hostname": self.hostname,
                "user": image_files.USER,
                "authorized_key": self._kind.authorized_key.strip(),
                "user-data": user_data,
            }
        )
        network.plug_in(self.instance_id, self.address, self._kind.octet)
        disks.mount(self._kind.layers, self.upper, self.root / "work", self.root / "disk")
        self.boot()

    def _write_seed(self, values: Mapping[str, str]) -> None:
        """Write what the machine may know of itself at its first boot: the stand-in for cloud-init reads it."""
        seed = self.root / "seed"
        seed.mkdir()
        for name, value in values.items():
            (seed / name).write_text(value if name == "user-data" else f"{value}\n", encoding="utf-8")

    def boot(self) -> None:
        """Power on; a machine that is on stays as it is."""
        if self._keeper and self._keeper.is_alive():
            return
        self._off.clear()
        self._group.mkdir(exist_ok=True)
        self._keeper = threading.Thread(target=self._keep, name=f"machine-{self.instance_id}", daemon=True)
        self._keeper.start()

    def _keep(self) -> None:
        """Run the machine, again and again as long as it asks to be rebooted."""
        while not self._off.is_set():
            with (self.root / "console.log").open("ab") as console:
                process = self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.DEVNULL, stdout=console, stderr=console
                )
            if self._off.is_set():
                process.kill()
            if process.wait() != REBOOT:
                break
        self._kill_rest()

    def _command(self) -> list[str]:
        nspawn = [
            *("systemd-nspawn", "--quiet", "--settings=no", "--register=no", "--keep-unit", "--boot"),
            *("--console=read-only", "--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            *(f"--machine={self.instance_id}", f"--directory={self.root / 'disk'}"),
            *(
                f"--uuid={uuid.uuid5(uuid.NAMESPACE_OID, self.instance_id)}",
                f"--network-namespace-path=/run/netns/{self.instance_id}",
            ),
            *(f"--bind-ro={self.root / 'seed'}:/run/seed", f"--bind={self._kind.shared}:{self._kind.shared_at}"),
            *(f"--bind={folder}:{place}" for place, folder in self._kind.mounted.items()),
            *(f"--bind-ro={folder}:{place}" for place, folder in self._kind.readable.items()),
            *("--setenv=SYSTEMD_COLORS=0", "--setenv=TERM=dumb"),
        ]
        # It takes the control group in which it is started for the machine's, so it gets one of its own.
        enter = f'echo $$ >{self._group}/cgroup.procs; export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1; exec "$@"'
        return ["sh", "-ec", enter, "sh", *nspawn]

    def shut_down(self, limit: float = SHUTDOWN_LIMIT) -> None:
        """Power off gracefully, or by force after `limit` seconds; the disk stays."""
        keeper, process = self._keeper, self._process
        self._off.set()
        if not keeper or not keeper.is_alive():
            return
        if process and limit:
            process.send_signal(signal.SIGTERM)
            keeper.join(limit)
        if keeper.is_alive():
            self.print("A stop job took too long; power is cut" if limit else "Power is cut")
            self._kill_rest()
            keeper.join()
        self.print("reboot: Power down")

    def _kill_rest(self) -> None:
        """Kill what is left of the machine, and wait until nothing is."""
        kill_group(self._group)

    def destroy(self, limit: float = SHUTDOWN_LIMIT) -> None:
        """Power off and remove the disk; again is harmless. Raises NetworkError."""
        if not self.root.is_dir():
            return
        self.shut_down(limit)
        disks.unmount(self.root / "disk")
        if Path("/run/netns", self.instance_id).exists():
            network.unplug(self.instance_id)
        if self._group.is_dir():
            remove_group(self._group)
        shutil.rmtree(self.root)

    def print(self, line: str) -> None:
        """Print a line on the console."""
        with (self.root / "console.log").open("a", encoding="utf-8") as console:
            console.write(f"{line}\n")
