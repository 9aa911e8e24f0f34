"""Real machines for tests: a stand-in cloud with machine hosts in a box, into whose network the test's thread steps.

    from .machines_support import Machines, machines_here, opened   # the marker skips where machines cannot be

    pytestmark = machines_here

    @pytest.fixture(scope="module")
    def machines(tmp_path_factory) -> Iterator[Machines]:
        with opened(tmp_path_factory.mktemp("machines")) as machines:
            yield machines

    def test_something(machines):
        host = machines.boot(tags={"ramped:role": "management"}, user_data="#!/bin/sh\\ntouch /root/was-here\\n")
        host.root("systemctl start nginx")                    # a root shell on it; raises unless it exits 0; returns stdout
        host.ssh("sudo systemctl restart gunicorn.service")   # as `deploy`, over SSH, with the host key that the console showed
        host.reboot()                                         # or stop(), start(), terminate(); they wait
        image = host.snapshot()
        (machines.layer(image) / "etc/machine-id").read_text()     # files of the image that are not the golden image's
        machines.look(image, "cat etc/passwd")                # a root shell in the whole image, mounted read-only
        other = machines.boot(image)
        machines.client("ec2")                                # boto3; Fabric, urllib, ssh: all is in the box's network

A machine boots from the golden image with no site in it (no checkout in /srv/shop/app: gunicorn.service fails, nginx answers
502); `disk` of `machines.image(disk)` is a folder of files that are laid over it, with owners. Leaving `opened` ends it all.
"""

import ctypes
import json
import os
import shlex
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rehearsal import sandbox
from rehearsal.hosts.machines import golden, image_files, namespaces, network, requirements
from rehearsal.hosts.reaper import Reaper
from tasks.decisions.access import host_keys

ROOT = Path(__file__).parents[3]
PATIENCE = 120.0  # seconds; the machine may be slow
OCTET = 77  # in a box the whole network is ours
FAST = {"time_scale": 0.02, "boot": 0.1, "stop": 0.1, "terminate": 0.1, "image": 0.3, "image_not_found": 0.1}
CLONE_NEWNET = 0x40000000
_missing = requirements.missing(6)
machines_here = pytest.mark.skipif(bool(_missing), reason=_missing)


def eventually(what: str, holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something holds, and return what it returned."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"not {what} within {seconds:.0f} s"
        time.sleep(0.05)
    return found


def enter_network(path: str) -> None:
    """Move this thread, and what it starts from now on, into a network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(path).open() as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), path)


@dataclass
class Instance:
    """One machine that was booted."""

    machines: "Machines"
    id: str
    address: str

    def leader(self) -> int | None:
        """Return the id of its systemd, as seen from here."""
        procs = self.machines.inside / f"sys/fs/cgroup/{self.machines.name}/{self.id}/payload/init.scope/cgroup.procs"
        for pid in procs.read_text().split() if procs.is_file() else ():
            status = Path(f"/proc/{pid}/status")
            ids = next((line for line in status.read_text().splitlines() if line.startswith("NSpid")), "")
            if ids.split()[-1] == "1":
                return int(pid)
        return None

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a shell script as root on the machine."""
        inside = [
            "nsenter",
            "--target",
            str(self.leader()),
            "--all",
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
        ]
        return subprocess.run([*inside, "sh", "-c", script], capture_output=True, text=True, check=False, timeout=PATIENCE)

    def root(self, script: str) -> str:
        """Run a shell script as root and return what it printed; it must succeed."""
        done = self.shell(script)
        assert done.returncode == 0, (script, done)
        return done.stdout.strip()

    def ssh(self, command: str, *, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command over SSH, as the operator."""
        known = self.machines.directory / f"known-{self.id}"
        known.write_text("".join(f"{self.address} {key}\n" for key in host_keys.from_console(self.console())))
        strict = ["-oStrictHostKeyChecking=yes", f"-oUserKnownHostsFile={known}", "-oIdentitiesOnly=yes", "-oBatchMode=yes"]
        line = ["ssh", "-F", "none", *strict, "-i", str(self.machines.key), f"{image_files.USER}@{self.address}", command]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 or not check, (command, done)
        return done

    def console(self) -> str:
        """Return what it has printed."""
        return str(self.machines.client("ec2").get_console_output(InstanceId=self.id).get("Output", ""))

    def boot_id(self) -> str:
        """Return what is another one at each boot."""
        done = self.shell("systemctl show --property=UserspaceTimestampMonotonic --value")
        return done.stdout.strip() if done.returncode == 0 else ""

    def ready(self) -> None:
        """Wait until it has booted and SSH answers."""
        eventually(f"{self.id} to answer on port 22", lambda: _greets(self.address))
        done = eventually(f"{self.id} to have booted", lambda: self._state() in ("running", "degraded"))
        assert done

    def _state(self) -> str:
        return self.shell("systemctl is-system-running").stdout.strip() if self.leader() else ""

    def reboot(self) -> None:
        """Reboot it by the API, and wait until it is back."""
        before = self.leader()
        self.machines.client("ec2").reboot_instances(InstanceIds=[self.id])
        eventually(f"{self.id} to go down", lambda: self.leader() != before)
        self.ready()

    def stop(self) -> None:
        """Stop it and wait until it has."""
        self.machines.client("ec2").stop_instances(InstanceIds=[self.id])
        eventually(f"{self.id} to be off", lambda: self._is("stopped") and not self.leader())

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.machines.client("ec2").start_instances(InstanceIds=[self.id])
        self.ready()

    def terminate(self) -> None:
        """Terminate it and wait until its disk is gone."""
        self.machines.client("ec2").terminate_instances(InstanceIds=[self.id])
        eventually(f"{self.id} to be gone", lambda: not (self.machines.directory / "instances" / self.id).exists())

    def _is(self, state: str) -> bool:
        found = self.machines.client("ec2").describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]
        return bool(found["State"]["Name"] == state)

    def snapshot(self, *, reboot: bool = False) -> str:
        """Make an image of it, and return its id when it is available."""
        ec2, name = self.machines.client("ec2"), f"image-{uuid.uuid4().hex[:8]}"
        eventually(f"{self.id} to be running", lambda: self._is("running") or self._is("stopped"))
        image = str(ec2.create_image(InstanceId=self.id, Name=name, NoReboot=not reboot)["ImageId"])
        eventually(f"{image} to be available", lambda: self.machines.available(image) and self.machines.layer(image).is_dir())
        return image


@dataclass
class Machines:
    """A stand-in cloud with machine hosts, in a box."""

    directory: Path
    name: str  # of the box's control group
    first: int  # process 1 of the box, as seen from here
    world: Mapping[str, Any]  # what the server printed: api, control, balancer, cdn
    key: Path  # the operator's private key
    _clients: dict[str, Any] = field(default_factory=dict)
    _subnet: str = ""

    @property
    def inside(self) -> Path:
        """The box's own view of the file system, with the mounted disks of the running machines."""
        return Path(f"/proc/{self.first}/root")

    def client(self, service: str) -> Any:
        """Return a boto3 client of the stand-in cloud."""
        import boto3

        if service not in self._clients:
            session = boto3.Session(sandbox.access_key(), sandbox.SECRET, region_name=sandbox.REGION)
            self._clients[service] = session.client(service, endpoint_url=self.world["api"])
        return self._clients[service]

    def control(self, name: str, values: Mapping[str, Any]) -> Any:
        """Tell the stand-in cloud what AWS has no call for."""
        import urllib.request

        with urllib.request.urlopen(self.world["control"] + name, json.dumps(values).encode(), timeout=PATIENCE) as answer:
            return json.load(answer)

    def image(self, disk: Path) -> str:
        """Register an image: the golden one with the files of a folder laid over it."""
        image = str(self.client("ec2").register_image(Name=f"base-{uuid.uuid4().hex[:8]}", RootDeviceName="/dev/sda1")["ImageId"])
        self.control("image", {"image": image, "disk": str(disk)})
        return image

    def boot(
        self, image: str = "", *, user_data: str = "", tags: Mapping[str, str] | None = None, wait: bool = True, **more: Any
    ) -> Instance:
        """Launch an instance, by default of the golden image as it is, and wait until it is ready; `more`: for RunInstances."""
        if not image:
            empty = self.directory / "empty"
            empty.mkdir(exist_ok=True)
            image = self.image(empty)
        tagged = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()]}]
        made = self.client("ec2").run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SubnetId=self.subnet(),
            UserData=user_data,
            **({"TagSpecifications": tagged} if tags else {}),
            **more,
        )["Instances"][0]
        instance = Instance(self, made["InstanceId"], made["PrivateIpAddress"])
        if wait:
            instance.ready()
            eventually(f"{instance.id} to be running", lambda: instance._is("running"))
        return instance

    def subnet(self) -> str:
        """Return a subnet of the machines' network."""
        if not self._subnet:
            ec2 = self.client("ec2")
            vpc = ec2.create_vpc(CidrBlock=f"{network.base(OCTET)}.0.0/16")["Vpc"]["VpcId"]
            block, zone = f"{network.base(OCTET)}.1.0/24", f"{sandbox.REGION}a"
            self._subnet = str(ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"])
        return self._subnet

    def available(self, image: str) -> bool:
        """Say whether an image can be launched."""
        found = self.client("ec2").describe_images(Filters=[{"Name": "image-id", "Values": [image]}])["Images"]
        return bool(found) and found[0]["State"] == "available"

    def layer(self, image: str) -> Path:
        """Return the folder of all files in which an image differs from the golden image (a deleted one is a device 0:0)."""
        return self.directory / "images" / image

    def look(self, image: str, script: str) -> str:
        """Run a shell script in the root folder of an image, mounted whole and read-only; return what it printed."""
        layers = [self.layer(image), self.directory / "settings", *reversed(golden.layers())]
        mount = f"mount -t overlay overlay -o ro,lowerdir={':'.join(map(str, layers))} /mnt; cd /mnt; {script}"
        done = subprocess.run(["unshare", "--mount", "sh", "-ec", mount], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (script, done)
        return done.stdout.strip()


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


@contextmanager
def opened(directory: Path, *, options: Mapping[str, Any] | None = None) -> Iterator[Machines]:
    """Open a box with a stand-in cloud in it, and step into its network; `options` are the stand-in's."""
    golden.layers()  # in the box there is no network to build it with
    key = directory / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator", "-f", key], check=True)
    hosts = {"authorized_key": key.with_suffix(".pub").read_text()}
    values = json.dumps({**FAST, **(options or {}), "hosts": hosts})
    server = [sys.executable, "-m", "rehearsal.server", "--hosts", "machines", "--directory", str(directory)]
    name = f"ramped-test-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        stack.callback(Reaper(name, [namespaces.CGROUPS / name], namespaces.OWN_CGROUPS).close)
        process = stack.enter_context(
            subprocess.Popen(
                namespaces.wrapped([*server, "--octet", str(OCTET), "--options", values], name),
                cwd=ROOT,
                env=namespaces.environment(name),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        )
        stack.callback(process.kill)
        assert process.stdout and process.stdin
        line = process.stdout.readline()
        assert line, f"the server in the box did not start: {shlex.join(server)}"
        first = namespaces.first(process.pid)
        assert first
        outside = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"
        with Path(outside).open() as namespace:
            stack.callback(enter_network, f"/proc/self/fd/{namespace.fileno()}")
            enter_network(f"/proc/{first}/ns/net")
            yield Machines(directory, name, first, json.loads(line), key)
            process.stdin.close()
            process.wait(PATIENCE)
            stack.close()


def groups() -> set[str]:
    """Return the boxes' control groups that there are, wherever the computer has mounted them."""
    script = "mount -t cgroup2 cgroup2 /sys/fs/cgroup; ls /sys/fs/cgroup"
    done = subprocess.run(["unshare", "--mount", "sh", "-ec", script], capture_output=True, text=True, check=True)
    return {name for name in done.stdout.split() if name.startswith("ramped-")}
