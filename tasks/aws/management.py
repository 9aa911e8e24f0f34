"""The management instance: found by its id or its tag, and started."""

from __future__ import annotations

from ..errors import DeployError, Refused
from ..runtime.run import Run
from ..runtime.waiting import Waiting
from . import instances
from .instances import Machine


def find(run: Run) -> Machine:
    """Find the management instance, in whatever state.

    Raises Refused when there is none, or several.
    """
    management = run.settings.management
    machine = instances.find_management(run.cloud, management)
    if machine is None:
        wanted = management.instance_id or f"an instance with the tag {management.tag}"
        raise Refused(f"no management instance: {wanted} does not exist. Create it with management-create")
    return machine


def launched(run: Run, id: str) -> Machine:
    """Wait until an instance that was just launched runs: EC2 may not know it in its next answers.

    Raises DeployError with the reason where it ends instead, TimedOut.
    """

    def probe() -> Machine | Waiting:
        found = next(iter(instances.machines(run.cloud, [id])), None)
        if found is not None and found.state in ("shutting-down", "terminated"):
            raise DeployError(f"{id} is {found.state}: {found.reason or 'EC2 gives no reason'}")
        if found is not None and found.state == "running" and found.address:
            return found
        return Waiting(f"{id} is {found.state}" if found else f"EC2 does not show {id} yet")

    return run.wait(f"the launch of {id}", probe, timeout=run.settings.app.boot_timeout)


def running_management(run: Run, *, start: bool = True) -> Machine:
    """Find the management instance and have it run.

    `start`: start it when it is stopped; a dry run never does. Raises Refused when it is stopped and is to stay so, TimedOut.
    """
    machine = find(run)
    if machine.state == "running":
        return machine
    if run.dry or not start:
        raise Refused(f"the management instance {machine.id} is {machine.state}: start it with management-start")
    run.out.say(f"the management instance {machine.id} is {machine.state}: starting it (management-stop stops it again)")

    def probe() -> Machine | Waiting:
        seen = find(run)
        # One that is still stopping cannot be started yet.
        if seen.state == "stopped":
            instances.start(run.cloud, seen.id)
        return seen if seen.state == "running" else Waiting(f"{seen.id} is {seen.state}")

    return run.wait(f"the start of {machine.id}", probe, timeout=run.settings.app.boot_timeout)
