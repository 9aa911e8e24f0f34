"""A fleet of bare hosts in a stand-in cloud, and real rollouts of it: the whole task, less SSH.

with rolling(desired=3) as world:
    world.roll()
    world.assert_done(world.next)
"""

import io
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from rehearsal.cloud.moto_state import LOCK
from tasks.aws import autoscaling
from tasks.decisions.access.locks import RELEASED, parameter, read
from tasks.decisions.release.image_names import description
from tasks.decisions.rollout.snapshot import FleetInstance, Policy
from tasks.operations.rollout import roll_out
from tasks.runtime.changes import Changes
from tasks.runtime.cloud import Cloud as Api
from tasks.runtime.output import Output
from tasks.runtime.run import Run
from tasks.runtime.waiting import SystemClock
from tasks.settings.model import App, Aws, Image, Management, Restart, RolloutPolicy, Settings, Ssh, Static
from tests.rehearsal.standin import REGION, Cloud, Fleet, stand_in

FAST = RolloutPolicy(poll=0.1, healthy_polls=2, instance_timeout=60, timeout=600, smoke_boot=False, check_revision=False)
COMMAND = "fab rollout"
ALARM = "shop-5xx"
REVISION = "2" * 40


def settings_of(url: str, group: str = "web", **rollout: Any) -> Settings:
    return Settings(
        aws=Aws(region=REGION, endpoint=url),
        groups=(group,),
        management=Management(),
        ssh=Ssh(user="nobody"),
        app=App(directory="app", services=("shop.service",), domain="shop.example.com", health_path="/", port=8080),
        image=Image(name="shop"),
        rollout=replace(FAST, **rollout),
        restart=Restart(),
        static=Static(url="/static/"),
    )


@dataclass
class RollingWorld:
    """One group and the template versions that it goes between: 1 (revision v1) and `next` (revision v2)."""

    cloud: Cloud
    fleet: Fleet
    image: str
    next: str
    before: dict[str, Any]
    hooks: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    out: io.StringIO = field(init=False)
    least: list[int] = field(default_factory=list)
    most: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        hooks = self.hooks

        class Printed(io.StringIO):
            def write(self, written: str) -> int:
                number = super().write(written)
                for hook in [one for one in hooks if one[0] in written]:
                    hooks.remove(hook)
                    hook[1]()
                return number

        self.out = Printed()

    @cached_property
    def api(self) -> Api:
        return Api(Aws(region=REGION, endpoint=self.cloud.url))

    def run(self, *, dry: bool = False, **rollout: Any) -> Run:
        settings = settings_of(self.cloud.url, self.fleet.group, **rollout)
        changes = Changes()
        api = Api(settings.aws, changes, self.api.session)
        return Run(settings, Output(self.out, self.out), SystemClock(), dry, COMMAND, changes, cloud=api)

    def roll(self, to: str | None = None, *, dry: bool = False, **rollout: Any) -> None:
        roll_out(self.run(dry=dry, **rollout), {}, to)

    @property
    def printed(self) -> str:
        return self.out.getvalue()

    def group(self) -> autoscaling.Group:
        return autoscaling.group(self.api, self.fleet.group)

    def shape(self) -> dict[str, Any]:
        """Return what a rollout must leave as it was."""
        group = self.group()
        return {
            "sizes": (group.minimum, group.maximum, group.desired),
            "suspended": set(group.suspended),
            "tags": dict(group.tags),
            "protected": sum(m.protected for m in self.staying()),
            "members": len(self.staying()),
        }

    def staying(self) -> list[autoscaling.GroupMember]:
        """Return the members that are not on their way out: nobody waits until the last one has drained."""
        return [m for m in self.group().members if not m.lifecycle.startswith("Terminat")]

    def versions(self) -> list[str]:
        return sorted(m.version for m in self.staying())

    def launches(self) -> int:
        """Return how many instances the group has launched since it was built."""
        group = self.cloud.standin.world.scaling.groups.find(self.fleet.group)
        return sum("Launching a new EC2 instance: i-" in one.description for one in group.activities)

    def locks(self) -> list[str]:
        from botocore.exceptions import ClientError

        try:
            value = self.cloud.client("ssm").get_parameter(Name=parameter(self.fleet.group))["Parameter"]["Value"]
        except ClientError:
            return []
        return [value] if read(value) != RELEASED else []

    def assert_done(self, version: str, launches: int | None = None) -> None:
        """Check the end of a rollout: all on the version, everything else as before, nothing of ours left."""
        group = self.group()
        assert set(self.versions()) <= {version}, self.printed
        assert group.version == version or (group.version.startswith("$") and not group.members), self.printed
        assert self.shape() == self.before, self.printed
        assert not self.locks(), self.printed
        if launches is not None:
            assert self.launches() == len(self.before_members) + launches, self.printed

    @property
    def before_members(self) -> range:
        return range(self.before["members"])

    @contextmanager
    def watched(self, desired: int | None = None) -> Iterator[None]:
        """Look at the fleet all the while: as many as desired are healthy at every moment."""
        wanted = self.before["sizes"][2] if desired is None else desired
        done, world = threading.Event(), self.cloud.standin.world
        group = world.scaling.groups.find(self.fleet.group)

        def look() -> None:
            while not done.wait(0.02):
                with LOCK:  # one moment, not members of one and health of a later one
                    states = [world.targets.find(self.fleet.target_group, id) for id in group.members]
                    self.least.append(sum(1 for s in states if s is not None and s.state == "healthy"))
                    self.most.append(len(group.counted()))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
        assert min(self.least) >= wanted, f"only {min(self.least)} of {wanted} healthy\n{self.printed}"

    def ask(self, silent: Sequence[FleetInstance]) -> Mapping[str, str]:
        """Ask instances for their revision over plain HTTP, as there is no host to ask from."""
        told = {}
        for one in silent:
            address = self.cloud.instance(one.id)["PrivateIpAddress"]
            with urllib.request.urlopen(f"http://{address}:8080/", timeout=20) as answer:
                told[one.id] = json.load(answer)["revision"]
        return told

    def when(self, text: str, act: Callable[[], object]) -> None:
        """Do something once, when a text is printed."""
        self.hooks.append((text, act))

    def policy(self, **more: Any) -> Policy:
        return replace(Policy(healthy_polls=2, instance_timeout=60), **more)


@contextmanager
def rolling(
    desired: int = 3, *, version: str = "1", most: int = 10, standin: Mapping[str, Any] | None = None, **fleet: Any
) -> Iterator[RollingWorld]:
    """Build a cloud and a fleet, healthy at version 1; `fleet` goes to build_fleet, `standin` to stand_in."""
    with stand_in(**(standin or {})) as cloud:
        yield build(cloud, desired, version=version, most=most, **fleet)


def of_ours(cloud: Cloud, fleet: Fleet, image: str, revision: str = REVISION) -> str:
    """Make a template version as `bake-ami` does, from the first one; return its number."""
    cloud.client("ec2").create_tags(Resources=[image], Tags=[{"Key": "ramped:site", "Value": "shop"}])
    made = cloud.client("ec2").create_launch_template_version(
        LaunchTemplateId=fleet.template,
        SourceVersion="1",
        VersionDescription=description(revision, image),
        LaunchTemplateData={"ImageId": image},
    )
    return str(made["LaunchTemplateVersion"]["VersionNumber"])


def build(cloud: Cloud, desired: int, **fleet: Any) -> RollingWorld:
    built = cloud.build_fleet(desired, **fleet)
    for activity in cloud.standin.world.scaling.groups.find(built.group).activities:
        activity.started -= 3600  # a fleet is not rolled out within the second of its birth
        activity.ended = activity.ended and activity.ended - 3600
    image = cloud.build_image(f"next-{built.group}", "v2")
    world = RollingWorld(cloud, built, image, of_ours(cloud, built, image), {})
    world.before = world.shape()
    return world


def alarm(world: RollingWorld, state: str = "OK", name: str = ALARM) -> None:
    """Make an alarm if it is not there, and set its state."""
    cloudwatch = world.cloud.client("cloudwatch")
    settings = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    metric = {"Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count", "Period": 60, "Statistic": "Sum"}
    if not cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        cloudwatch.put_metric_alarm(AlarmName=name, **metric, **settings)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="the test says so")
