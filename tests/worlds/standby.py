"""Members of a group in Standby."""

from tests.worlds.rolling_world import RollingWorld


def members(world: RollingWorld, lifecycle: str) -> dict[str, str]:
    return {m.id: m.version for m in world.group().members if m.lifecycle == lifecycle}


def set_aside(world: RollingWorld) -> str:
    """Put a member into standby; the group launches another in its place."""
    scaling, id = world.cloud.client("autoscaling"), next(iter(members(world, "InService")))
    scaling.enter_standby(AutoScalingGroupName="web", InstanceIds=[id], ShouldDecrementDesiredCapacity=False)
    world.cloud.wait(lambda: id in members(world, "Standby") and len(world.cloud.healthy(world.fleet)) == 2)
    return id
