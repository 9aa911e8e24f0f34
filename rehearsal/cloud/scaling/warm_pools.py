"""Warm pools: instances that were launched ahead, of the version that the group had then, and wait beside it.

Not modelled: hooks on the way into the pool, hibernation other than as a stop. Source: "Decrease latency for
applications with long boot times using warm pools".
"""

import random

from ..machines import Machines
from ..moto_state import MotoState
from ..options import Options
from ..timing import Timing
from .activities import Activities
from .launcher import Launcher
from .state import LEAVING, Group, Member

READY = {"Stopped": "Warmed:Stopped", "Running": "Warmed:Running", "Hibernated": "Warmed:Hibernated"}


class WarmPools:
    """Fill and empty the pools of groups."""

    def __init__(
        self,
        launcher: Launcher,
        machines: Machines,
        moto: MotoState,
        activities: Activities,
        options: Options,
        timing: Timing,
    ) -> None:
        self._launcher = launcher
        self._machines = machines
        self._moto = moto
        self._activities = activities
        self._options = options
        self._timing = timing
        self._random = random.Random(options.seed)
        launcher.draw = self.draw

    def turn(self, group: Group, now: float) -> None:
        """Move the pool's instances on, and bring it to its size."""
        for member in list(group.warm.values()):
            self._advance(group, member)
        staying = [member for member in group.warm.values() if member.lifecycle != "Warmed:Terminating"]
        wanted = group.warm_wanted()
        for member in staying[wanted:]:
            self.end(group, member, "an instance was taken out of the warm pool in response to its size.")
        coming = [member for member in group.members.values() if member.lifecycle in LEAVING and group.takes_back(member)]
        if len(staying) + len(coming) < wanted and group.runs("Launch") and now >= group.next_launch:
            self._launcher.warm(group, "an instance was launched into the warm pool in response to its size.")
        if group.warm_pool and group.warm_pool.deleting and not group.warm:
            group.warm_pool = None

    def _advance(self, group: Group, member: Member) -> None:
        instance = self._moto.instances[member.id]
        if instance.state == "terminated":
            succeeded = member.lifecycle == "Warmed:Terminating"
            self._activities.end(member.activity, "Successful" if succeeded else "Cancelled", instance.state_reason.message)
            del group.warm[member.id]
        elif member.lifecycle == "Warmed:Pending" and group.warm_pool:
            ready = group.warm_pool.state
            if instance.state == "running" and ready != "Running":
                self._machines.stop(instance)
            elif instance.state == ("running" if ready == "Running" else "stopped"):
                member.lifecycle = READY[ready]
                self._activities.end(member.activity)

    def end(self, group: Group, member: Member, cause: str) -> None:
        """Terminate an instance of the pool."""
        self._activities.end(member.activity, "Cancelled")
        member.lifecycle = "Warmed:Terminating"
        description = f"Terminating EC2 instance from warm pool: {member.id}"
        member.activity = self._activities.begin(group, description, cause, member.zone)
        self._machines.terminate(self._moto.instances[member.id])

    def draw(self, group: Group, zone: str) -> Member | None:
        """Take a ready instance of this zone out of the pool; AWS does not document which version comes first."""
        there = [member for member in group.warm.values() if member.lifecycle in READY.values() and member.zone == zone]
        if not there:
            return None
        takes = {"oldest": lambda: there[0], "newest": lambda: there[-1], "any": lambda: self._random.choice(there)}
        member = takes[self._options.warm_pool_takes]()
        del group.warm[member.id]
        member.lifecycle = "Pending"
        instance = self._moto.instances[member.id]
        if instance.state == "stopped":
            self._machines.start(instance)
        return member
