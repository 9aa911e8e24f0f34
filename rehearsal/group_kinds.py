"""The kinds of groups that a release is rehearsed with: how each is made, what happens to it meanwhile, how it must end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from .account import GROUP, JOBS, own_template
from .jobs.broker import description
from .jobs.tasks import Tasks
from .report import Report
from .world import World

Shown = Mapping[str, Any]
WORKERS = 2
TASK_PATIENCE = 60.0  # seconds without a task that is done, until the rest is lost


class Stage(Protocol):
    """The part of a rehearsal that a kind of group uses."""

    world: World
    story: Report
    problems: list[str]

    def group(self, name: str = GROUP) -> Shown:
        """Return a group as DescribeAutoScalingGroups shows it."""

    def resize(self, size: int) -> None:
        """Bring the group to a size, and wait until visitors can be served."""

    def wait_for(self, what: str, count: Callable[[], int], wanted: int) -> None:
        """Wait until there are as many as wanted."""


@dataclass(frozen=True)
class GroupKind:
    """A group with a launch template of its own: nothing more happens to it."""

    name: str = "plain"
    jobs: bool = False  # there is a group of workers beside it

    def parameters(self, template: str) -> dict[str, Any]:
        """Return the parameters of CreateAutoScalingGroup that name the launch template."""
        return own_template(template)

    def units(self, instances: int) -> int:
        """Return the desired capacity of so many instances."""
        return instances

    def prepare(self, rehearsal: Stage) -> None:
        """Change the group before the release."""

    @contextmanager
    def meanwhile(self, rehearsal: Stage) -> Iterator[None]:
        """Let things happen while the release goes out."""
        yield

    def problems(self, rehearsal: Stage) -> list[str]:
        """Return what is not as it should be after the release."""
        return [] if rehearsal.group().get("LaunchTemplate") else ["the group has lost its launch template"]


class MixedGroup(GroupKind):
    """Two types with weights, one On-Demand instance and Spot; EC2 recommends in mid-roll to rebalance a Spot instance."""

    def parameters(self, template: str) -> dict[str, Any]:
        """Return a mixed-instances policy over the template."""
        overrides = [
            {"InstanceType": "t3.medium", "WeightedCapacity": "2"},
            {"InstanceType": "t3.small", "WeightedCapacity": "1"},
        ]
        named = {"LaunchTemplateId": template, "Version": "1"}
        shares = {"OnDemandBaseCapacity": 2, "OnDemandPercentageAboveBaseCapacity": 0}
        policy = {
            "LaunchTemplate": {"LaunchTemplateSpecification": named, "Overrides": overrides},
            "InstancesDistribution": {**shares, "SpotAllocationStrategy": "price-capacity-optimized"},
        }
        return {"MixedInstancesPolicy": policy, "CapacityRebalance": True}

    def units(self, instances: int) -> int:
        """Return two units for each."""
        return 2 * instances

    @contextmanager
    def meanwhile(self, rehearsal: Stage) -> Iterator[None]:
        """Recommend to rebalance an old Spot instance as soon as a new instance is in service."""
        before, done = rehearsal.group(), threading.Event()
        watcher = threading.Thread(target=_recommend, args=(rehearsal, before, done), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def problems(self, rehearsal: Stage) -> list[str]:
        """Compare the policy with what it was made as."""
        group = rehearsal.group()
        policy = group["MixedInstancesPolicy"]
        named = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        made = self.parameters(named["LaunchTemplateId"])["MixedInstancesPolicy"]
        found = []
        if policy["LaunchTemplate"]["Overrides"] != made["LaunchTemplate"]["Overrides"]:
            found.append("the overrides of the mixed-instances policy are not as before")
        if not policy["InstancesDistribution"].items() >= made["InstancesDistribution"].items():
            found.append("the distribution of the mixed-instances policy is not as before")
        versions = {m["LaunchTemplate"]["Version"] for m in group["Instances"]}
        return found if versions == {named["Version"]} else [*found, f"it names version {named['Version']} and runs {versions}"]


def _recommend(rehearsal: Stage, before: Shown, done: threading.Event) -> None:
    old = [m["InstanceId"] for m in before["Instances"]]
    ec2 = rehearsal.world.client("ec2")
    while not done.wait(0.5):
        members = rehearsal.group()["Instances"]
        serving = [m["InstanceId"] for m in members if m["LifecycleState"] == "InService"]
        if all(id in old for id in serving):
            continue
        left = [id for id in old if id in serving]
        shown = [i for r in ec2.describe_instances(InstanceIds=left)["Reservations"] for i in r["Instances"]] if left else []
        spot = [i["InstanceId"] for i in shown if i.get("InstanceLifecycle") == "spot"]
        if spot:
            rehearsal.world.control("interrupt", {"instance": spot[0], "recommended": True})
            rehearsal.story.say(f"EC2 recommends to rebalance the Spot instance {spot[0]}")
        return


class WarmPoolGroup(GroupKind):
    """A group with a warm pool of two; after the release it scales out by one, from the pool."""

    def prepare(self, rehearsal: Stage) -> None:
        """Make the pool, and wait until it is filled with instances of the first release."""
        scaling = rehearsal.world.client("autoscaling")
        scaling.put_warm_pool(AutoScalingGroupName=GROUP, MinSize=2, MaxGroupPreparedCapacity=0, PoolState="Stopped")
        rehearsal.wait_for("2 instances in the warm pool", lambda: len(_pool(rehearsal, "Warmed:Stopped")), 2)

    def problems(self, rehearsal: Stage) -> list[str]:
        """Compare the pool with the group, then scale out by one: it must be of the new release."""
        version = rehearsal.group()["LaunchTemplate"]["Version"]

        def ready() -> int:
            return sum(1 for m in _pool(rehearsal, "Warmed:Stopped") if m["LaunchTemplate"]["Version"] == version)

        rehearsal.wait_for(f"2 instances of version {version} in the warm pool", ready, 2)
        size = rehearsal.group()["DesiredCapacity"] + 1
        rehearsal.resize(size)
        versions = {m["LaunchTemplate"]["Version"] for m in rehearsal.group()["Instances"]}
        return [] if versions == {version} else [f"after the scale-out it runs versions {sorted(versions)}"]


class WorkersGroup(GroupKind):
    """A group of two celery workers beside the web instances; tasks come all the while, and none may be lost."""

    def prepare(self, rehearsal: Stage) -> None:
        """Bring the group to its size, and wait until both are in service."""
        rehearsal.story.say(f"the broker of the workers: {description(rehearsal.world.endpoints['jobs']['broker'])}")
        scaling = rehearsal.world.client("autoscaling")
        scaling.update_auto_scaling_group(AutoScalingGroupName=JOBS, MinSize=WORKERS, MaxSize=WORKERS, DesiredCapacity=WORKERS)
        rehearsal.wait_for(f"{WORKERS} workers in service", lambda: len(_serving(rehearsal, JOBS)), WORKERS)

    @contextmanager
    def meanwhile(self, rehearsal: Stage) -> Iterator[None]:
        """Send tasks while the release goes out, and count them when the last ones are done."""
        tasks = Tasks(rehearsal.world.endpoints["jobs"])
        with tasks.coming():
            rehearsal.wait_for("a task that was done", lambda: min(1, tasks.done), 1)
            yield
        count = tasks.count(TASK_PATIENCE * rehearsal.world.patience)
        rehearsal.story.table(f"Tasks: {count.sent}", ("state", "tasks"), sorted(count.states.items()))
        releases = {rehearsal.world.v1: "v1", rehearsal.world.v2: "v2"}
        rows = sorted((releases.get(revision, revision), number) for revision, number in count.by_release.items())
        rehearsal.story.table("Tasks that were done, by release", ("release", "tasks"), rows)
        if count.lost:
            rehearsal.problems.append(count.lost)
        if not count.by_release.get(rehearsal.world.v2):
            rehearsal.problems.append("no task was done by version 2")

    def problems(self, rehearsal: Stage) -> list[str]:
        """Return what is not as it should be after the release, of both groups."""
        named = rehearsal.group(JOBS)["LaunchTemplate"]["Version"]
        runs = {m["LaunchTemplate"]["Version"] for m in _serving(rehearsal, JOBS)}
        return super().problems(rehearsal) + ([] if runs == {named} else [f"the workers are of versions {sorted(runs)}"])


def _serving(rehearsal: Stage, group: str) -> list[Shown]:
    return [m for m in rehearsal.group(group)["Instances"] if m["LifecycleState"] == "InService"]


def _pool(rehearsal: Stage, state: str) -> list[Shown]:
    shown = rehearsal.world.client("autoscaling").describe_warm_pool(AutoScalingGroupName=GROUP)["Instances"]
    return [m for m in shown if m["LifecycleState"].startswith(state)]


PLAIN = GroupKind()
_ALL = (PLAIN, MixedGroup("mixed"), WarmPoolGroup("warm-pool"), WorkersGroup("workers", jobs=True))
KINDS: Mapping[str, GroupKind] = {kind.name: kind for kind in _ALL}
