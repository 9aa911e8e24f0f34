"""The shop on process hosts in a stand-in cloud, for tests of the tasks that work on hosts.

golden = golden_of(tmp_path_factory)            # a disk with the shop's first release on it
with ShopWorld(golden, tmp_path, web=2) as world:
    deploy_release(world.run(), world.v2)
"""

import fcntl
import io
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gunicorn
import pytest

from rehearsal.addresses import Octet
from rehearsal.cloud.options import Options
from rehearsal.cloud.standin import StandIn
from rehearsal.hosts.processes import ProcessHosts
from rehearsal.site import repository
from tasks.decisions.release.dependencies import read_dependencies
from tasks.hosts.shell import commands
from tasks.runtime.changes import Changes
from tasks.runtime.cloud import Cloud as Api
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.model import App, Aws, Image, Management, Restart, RolloutPolicy, Settings, Ssh, Static
from tests.hosts.sshd import make_key
from tests.rehearsal.standin import FAST, Cloud

DOMAIN = "shop.example.com"
CHECK = {
    "HealthCheckPath": f"/health_check/{DOMAIN}",
    "HealthCheckIntervalSeconds": 25,  # 0.5 s here; each check costs the site a query
    "HealthCheckTimeoutSeconds": 4,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
}


APP = App(
    directory="app",
    services=("shop.service",),
    domain=DOMAIN,
    health_path=f"/health_check/{DOMAIN}",
    port=8080,
    boot_timeout=60,
)


def sh(command: str, at: Path) -> str:
    done = subprocess.run(["bash", "-c", command], cwd=at, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _ready(units: Path) -> None:
    """Give each gunicorn one worker, for starting them is most of what these tests cost, and let it start often."""
    for unit in units.glob("*.service"):
        text = unit.read_text().replace("--workers 2", "--workers 1")
        # systemd starts a unit five times in ten seconds, no more: the tests come quicker than bakes. A site that is broken on
        # purpose starts again and again, which would keep a processor busy.
        text = text.replace("[Unit]\n", "[Unit]\nStartLimitBurst=1000\n").replace("[Service]\n", "[Service]\nRestartSec=2\n")
        unit.write_text(text)


class Golden:
    """A disk with the first release of the shop, its origin, and what all instances share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disk, self.shared = folder / "disk", folder / "shared"
        self.v1, self.v2 = repository.build(folder)
        self.origin = repository.origin_of(folder)
        for name in ("static", "database"):
            (self.shared / name).mkdir(parents=True)
        self.disk.mkdir()
        shutil.copytree(repository.UNITS["socket"], self.disk / "systemd")
        _ready(self.disk / "systemd")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.disk / "venv")], check=True)
        packages = next((self.disk / "venv/lib").glob("python*/site-packages"))
        (packages / "outer.pth").write_text(f"{Path(gunicorn.__file__).parent.parent}\n")
        sh(f"git clone -q {self.origin} app", self.disk)
        for name in ("static", "database"):
            (self.disk / name).symlink_to(self.shared / name)
        (self.disk / "app/REVISION").write_text(f"{self.v1}\n")
        sh(
            "../venv/bin/python manage.py migrate -v0 && ../venv/bin/python manage.py collectstatic -v0 --noinput",
            self.disk / "app",
        )
        # As a deploy leaves it: the requirements are installed.
        printed = sh(f"export HOME={self.disk}; {commands.dependencies(APP)}", self.disk)
        needed = read_dependencies(printed)
        assert needed is not None
        (self.disk / "venv/.ramped-requirements").write_text(f"{needed.digest}\n")


def golden_of(factory: pytest.TempPathFactory) -> Golden:
    """Return the one disk that all tests of a run copy, in whatever process they are: the first one makes it."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    made = shared / "golden.pickle"
    with (shared / "golden.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_bytes(pickle.dumps(Golden(shared / "golden")))
        golden: Golden = pickle.loads(made.read_bytes())
        return golden


class _Shared(io.StringIO):
    """A stream that writes to another one as well, in which all are in the order of time."""

    def __init__(self, whole: io.StringIO) -> None:
        super().__init__()
        self._whole = whole

    def write(self, text: str) -> int:
        self._whole.write(text)
        return super().write(text)


class ShopWorld(AbstractContextManager["ShopWorld"]):
    """A stand-in cloud with a management instance and web instances of the shop; every world has data of its own."""

    def __init__(
        self,
        golden: Golden,
        folder: Path,
        *,
        web: int = 0,
        delay: int = 5,
        units: str | None = None,
        conf: str = "",
        health: str = "EC2",
        middleware: bool = False,
        private: str = "open",
        **options: Any,
    ) -> None:
        """Build it: `delay` in AWS seconds for deregistration, `conf` a gunicorn.conf.py, `health` the group's health type.

        `private`: whether the operator reaches private addresses (`open`) or not (`closed`);
        `middleware`: the load balancer asks the ready path of the health middleware instead of the health view.
        """
        self.v1, self.v2, self.folder = golden.v1, golden.v2, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.shared = shutil.copytree(golden.shared, folder / "shared")
        self.origin = shutil.copytree(golden.origin, folder / "origin.git")
        self._disk = self._own_disk(golden, units)
        if conf:
            (self._disk / "app/gunicorn.conf.py").write_text(conf)
        self.key = folder / "key"
        make_key(self.key)
        asked = "/health/ready/" if middleware else "/health/"
        key = self.key.with_suffix(".pub").read_text()
        self.hosts = ProcessHosts(folder / "hosts", authorized_key=key, health_path=asked, private=private)
        told = "SHOP_HEALTH_TIMEOUT=30\n"
        if middleware:
            told += "SHOP_HEALTH_MIDDLEWARE=1\n"
            (self._disk / "state").mkdir()
        (self._disk / "shop.env").write_text(told)
        self._octet = Octet()
        self.standin = StandIn(Options.of({**FAST, **options}), self.hosts, f"127.{self._octet.number}.0.2")
        self.standin.start()
        self.cloud = Cloud(self.standin, self.hosts, self._octet.number)  # type: ignore[arg-type]
        self._printed = io.StringIO()
        self.out, self.err = _Shared(self._printed), _Shared(self._printed)
        self._api: Api | None = None
        self._build(web, delay, health)

    def _own_disk(self, golden: Golden, units: str | None) -> Path:
        disk = shutil.copytree(golden.disk, self.folder / "disk", symlinks=True)
        for name in ("static", "database"):
            (disk / name).unlink()
            (disk / name).symlink_to(self.shared / name)
        sh(f"git remote set-url origin {self.origin}", disk / "app")
        if units is not None:
            shutil.rmtree(disk / "systemd")
            shutil.copytree(repository.UNITS[units], disk / "systemd")
            _ready(disk / "systemd")
        return disk

    def _build(self, web: int, delay: int, health: str) -> None:
        ec2 = self.cloud.client("ec2")
        self.image = ec2.register_image(Name="base", RootDeviceName="/dev/sda1")["ImageId"]
        self.cloud.control("image", {"image": self.image, "disk": str(self._disk)})
        self.vpc, self.subnets, _ = self.cloud.build_network()
        role = [{"ResourceType": "instance", "Tags": [{"Key": "ramped:role", "Value": "management"}]}]
        made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": self.image})["LaunchTemplate"]
        self.template = {"LaunchTemplateId": made["LaunchTemplateId"], "Version": "1"}
        # As management-create does: what the instance may be used for depends on the template that it came from.
        where = {"LaunchTemplate": self.template, "SubnetId": self.subnets[0]}
        ran = ec2.run_instances(MinCount=1, MaxCount=1, TagSpecifications=role, **where)
        self.management = ran["Instances"][0]["InstanceId"]
        if web:
            self._build_web(web, delay, health)
        self.cloud.wait(lambda: self.cloud.instance(self.management)["State"]["Name"] == "running")
        self.hosts.settle()

    def _build_web(self, count: int, delay: int, health: str) -> None:
        elb = self.cloud.client("elbv2")
        made = elb.create_target_group(Name="web", Protocol="HTTP", Port=8080, VpcId=self.vpc, **CHECK)
        self.target_group = made["TargetGroups"][0]["TargetGroupArn"]
        attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}
        elb.modify_target_group_attributes(TargetGroupArn=self.target_group, Attributes=[attribute])
        self.cloud._balancer("web", self.subnets, [self.target_group])
        self.cloud.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName="web",
            MinSize=0,
            MaxSize=50,
            DesiredCapacity=count,
            VPCZoneIdentifier=",".join(self.subnets),
            TargetGroupARNs=[self.target_group],
            HealthCheckType=health,
            LaunchTemplate=self.template,
        )
        self.cloud.wait(lambda: len(self.healthy()) == count, 120)

    def healthy(self) -> list[str]:
        shown = self.cloud.client("elbv2").describe_target_health(TargetGroupArn=self.target_group)
        well = {o["Target"]["Id"] for o in shown["TargetHealthDescriptions"] if o["TargetHealth"]["State"] == "healthy"}
        return [one for one in self.cloud.members() if one in well]

    def settings(self, **sections: dict[str, Any]) -> Settings:
        """Return settings for this world; sections by name override single values."""
        base = Settings(
            aws=Aws(region="eu-central-1", endpoint=self.cloud.url),
            groups=("web",),
            management=Management(),
            ssh=Ssh(user="admin", key=str(self.key), port=2222, timeout=20, gateway="direct"),
            app=APP,
            image=Image(name="shop", cleaner=None),
            rollout=RolloutPolicy(),
            restart=Restart(timeout=60),
            static=Static(url="/static/"),
        )
        return replace(base, **{name: replace(getattr(base, name), **values) for name, values in sections.items()})

    def run(self, *, dry: bool = False, **sections: dict[str, Any]) -> Run:
        """Return a run whose output is kept in `out` and `err`."""
        settings, changes = self.settings(**sections), Changes()
        if self._api is None:
            self._api = Api(replace(settings.aws, profile=None))
        api = Api(settings.aws, changes, self._api.session)
        return Run(settings, Output(self.out, self.err), SystemClock(), dry, "fab deploy", changes, cloud=api)

    @property
    def printed(self) -> str:
        return self._printed.getvalue()

    def publish(self, revision: str) -> None:
        """Push a revision to the branch main of origin."""
        sh(f"git update-ref refs/heads/main {revision}", self.origin)

    def commit(self, files: dict[str, str], onto: str | None = None, message: str = "more") -> str:
        """Push a commit on top of another one (default: v2) with these files to main; return its sha."""
        work = self.folder / f"work-{len(list(self.folder.glob('work-*')))}"
        sh(f"git init -q {work}", self.folder)
        sh(f"git fetch -q {self.origin} +refs/*:refs/o/* && git checkout -q {onto or self.v2}", work)
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)
        who = "-c user.name=a -c user.email=a@example.com"
        sh(f"git add -A && git {who} commit -qm {message} && git push -q --force {self.origin} HEAD:refs/heads/main", work)
        return sh("git rev-parse HEAD", work)

    def share(self, *names: str) -> None:
        """Put files into the shared static directory, as collectstatic does."""
        for name in names:
            (self.shared / "static" / name).write_text("body { color: red }")

    def disk(self, instance: str | None = None) -> Path:
        return self.hosts.disk(instance or self.management)

    def address(self, instance: str | None = None) -> str:
        return str(self.cloud.instance(instance or self.management)["PrivateIpAddress"])

    def tags(self, instance: str | None = None) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.cloud.instance(instance or self.management).get("Tags", [])}

    def calls(self, *actions: str) -> int:
        counted = self.cloud.control("calls")["actions"]
        return sum(counted.get(action, {"count": 0})["count"] for action in actions)

    def fabric_yaml(self) -> str:
        """Return the settings as a file, for the real commands."""
        return f"""\
aws: {{region: eu-central-1, endpoint: "{self.cloud.url}"}}
groups: [web]
ssh: {{user: admin, key: "{self.key}", port: 2222, gateway: direct}}
app: {{directory: app, services: [shop.service], domain: {DOMAIN}, port: 8080, boot_timeout: 60}}
image: {{cleaner: null}}
static: {{url: /static/}}
restart: {{timeout: 60}}
"""

    def __exit__(self, *_: object) -> None:
        self.standin.close()
        self._octet.close()


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the tasks credentials of the stand-in's own."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "rehearsal")


__all__: Sequence[str] = ("DOMAIN", "Golden", "ShopWorld", "credentials", "sh")
