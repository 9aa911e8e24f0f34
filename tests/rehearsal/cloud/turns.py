"""What a group of the stand-in looks like, and turns of its control loop."""

from collections import Counter

from tests.rehearsal.standin import Cloud


def zones(cloud: Cloud) -> Counter[str]:
    return Counter(one["AvailabilityZone"][-1] for one in cloud.group()["Instances"] if one["LifecycleState"] == "InService")


def settled(cloud: Cloud, count: int) -> bool:
    group = cloud.group()
    return len(group["Instances"]) == count and all(one["LifecycleState"] == "InService" for one in group["Instances"])


def suspend(cloud: Cloud, *processes: str) -> None:
    cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="web", ScalingProcesses=list(processes))


def some_turns(cloud: Cloud, turns: int = 6) -> None:
    """Let the control loop take turns, however slow the machine is."""
    world = cloud.standin.world
    seen: list[float] = []
    original = world.scaling.tick
    world.scaling.tick = lambda now: (seen.append(now), original(now))[1]  # type: ignore[method-assign, assignment]
    cloud.wait(lambda: len(seen) >= turns)
    world.scaling.tick = original  # type: ignore[method-assign]
