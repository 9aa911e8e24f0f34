"""A group of queue workers on hosts with SSH and units, beside the shop: the tasks are counted."""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from rehearsal.hosts.machine import Machine
from tasks.decisions.release.image_names import description
from tasks.operations.rollout import roll_out
from tasks.runtime.run import Run
from tests.worlds.shipping_world import world_in
from tests.worlds.shop_world import ShopWorld, credentials

GROUP = "jobs"
# Takes a task by renaming it, and finishes it when it is asked to stop, as a queue worker does.
WORKER = """
import os, pathlib, signal, sys, time
queue, own, going = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), True
own.write_text(str(os.getpid()))
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
while going:
    for task in sorted((queue / "new").iterdir())[:1]:
        mine = queue / "taken" / f"{task.name}.{os.getpid()}"
        try:
            task.rename(mine)
        except FileNotFoundError:
            continue
        time.sleep(0.6)
        mine.rename(queue / "done" / task.name)
    time.sleep(0.02)
own.unlink()
"""
UNIT = """
[Unit]
Description=The worker
[Service]
Type=simple
WorkingDirectory=%h/app
ExecStart={python} %h/worker.py %h/queue %h/worker.pid
KillMode=mixed
TimeoutStopSec=30
[Install]
WantedBy=multi-user.target
"""


class Jobs:
    """A queue in a shared folder, and a group of workers at version 1; version 2 is of another revision."""

    def __init__(self, world: ShopWorld) -> None:
        self.world, self.queue = world, world.folder / "queue"
        for name in ("new", "taken", "done"):
            (self.queue / name).mkdir(parents=True)
        self.given = 0
        self.images = [self._image("first", world.v1), self._image("second", world.v2)]
        ec2, scaling = world.cloud.client("ec2"), world.cloud.client("autoscaling")
        made = ec2.create_launch_template(LaunchTemplateName=GROUP, LaunchTemplateData={"ImageId": self.images[0]})
        self.template = made["LaunchTemplate"]["LaunchTemplateId"]
        self.version(world.v2, self.images[1])
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=GROUP,
            MinSize=0,
            MaxSize=9,
            DesiredCapacity=2,
            VPCZoneIdentifier=",".join(world.subnets),
            LaunchTemplate={"LaunchTemplateId": self.template, "Version": "1"},
        )
        world.cloud.wait(lambda: len(world.cloud.members(GROUP)) == 2, 60)
        world.hosts.settle()

    def _image(self, name: str, revision: str, *, worker: bool = True) -> str:
        disk = shutil.copytree(self.world._disk, self.world.folder / f"disk-{name}", symlinks=True)
        if worker:
            shutil.rmtree(disk / "systemd")
            (disk / "systemd").mkdir()
            (disk / "systemd/worker.service").write_text(UNIT.format(python=sys.executable))
        (disk / "worker.py").write_text(WORKER)
        (disk / "queue").symlink_to(self.queue)
        (disk / "app/REVISION").write_text(f"{revision}\n")
        image = str(self.world.cloud.client("ec2").register_image(Name=name, RootDeviceName="/dev/sda1")["ImageId"])
        self.world.cloud.control("image", {"image": image, "disk": str(disk)})
        self.world.cloud.client("ec2").create_tags(Resources=[image], Tags=[{"Key": "ramped:site", "Value": "shop"}])
        return image

    def web_version(self) -> str:
        """Make the version of the group `web` of the same release."""
        image = self._image("web-second", self.world.v2, worker=False)
        made = self.world.cloud.client("ec2").create_launch_template_version(
            LaunchTemplateId=self.world.template["LaunchTemplateId"],
            SourceVersion="1",
            VersionDescription=description(self.world.v2, image),
            LaunchTemplateData={"ImageId": image},
        )
        return str(made["LaunchTemplateVersion"]["VersionNumber"])

    def version(self, revision: str, image: str) -> str:
        """Make a version that is to be of a revision, and return its number."""
        made = self.world.cloud.client("ec2").create_launch_template_version(
            LaunchTemplateId=self.template,
            SourceVersion="1",
            VersionDescription=description(revision, image),
            LaunchTemplateData={"ImageId": image},
        )
        return str(made["LaunchTemplateVersion"]["VersionNumber"])

    @contextmanager
    def coming(self, every: float = 0.15) -> Iterator[None]:
        """Put a task into the queue every so many seconds; a worker does one in 0.6 s."""
        over = threading.Event()

        def give() -> None:
            while not over.wait(every):
                self.given += 1
                (self.queue / "new" / f"{self.given:06d}").touch()

        giver = threading.Thread(target=give, daemon=True)
        giver.start()
        try:
            yield
        finally:
            over.set()
            giver.join()

    def assert_none_is_lost(self) -> None:
        self.world.cloud.wait(lambda: len(list((self.queue / "done").iterdir())) == self.given, 60)
        assert not list((self.queue / "taken").iterdir())

    def run(self, **rollout: object) -> Run:
        rules = {"poll": 0.3, "healthy_polls": 2, "instance_timeout": 60, "smoke_boot": True} | rollout
        run = self.world.run(workers={"services": ("worker.service",), "timeout": 40}, rollout=rules)
        return replace(run, settings=replace(run.settings, groups=(GROUP,)))

    def roll(self, to: str = "2", groups: Sequence[str] = (GROUP,), **rollout: object) -> None:
        run = self.run(**rollout)
        roll_out(replace(run, settings=replace(run.settings, groups=tuple(groups))), {}, to)

    def launches(self) -> int:
        """Return how many workers the group has launched since it was built."""
        activities = self.world.standin.world.scaling.groups.find(GROUP).activities
        return sum("Launching a new EC2 instance: i-" in one.description for one in activities)

    def versions(self, group: str = GROUP) -> list[str]:
        members = self.world.cloud.group(group)["Instances"]
        return sorted(m["LaunchTemplate"]["Version"] for m in members if not m["LifecycleState"].startswith("Terminat"))


def abrupt(graceful: Callable[[Machine], Awaitable[None]]) -> Callable[[Machine], Awaitable[None]]:
    """Cut the power of workers: how long EC2 lets an instance shut down is not documented, and a task may take longer."""

    async def shut_down(machine: Machine) -> None:
        own = machine.place.home / "worker.pid"
        if own.exists():
            os.kill(int(own.read_text()), signal.SIGKILL)
        await graceful(machine)

    return shut_down


@contextmanager
def jobs_in(factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """Build a world with a web instance and two workers, whose power is cut when they are terminated."""
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        patch.setattr(Machine, "shut_down", abrupt(Machine.shut_down))
        with world_in(factory, web=1) as world:
            yield Jobs(world)
