"""The control loop of a group: observe, replace, settle, rebalance; a turn each tick."""

import math
import random

from ..options import Options
from ..timing import Timing
from .choices import emptiest_zone, imbalance, victim
from .health import HealthChecks
from .launcher import Launcher, current
from .lifecycle import Lifecycle
from .state import LEAVING, Group, Member, Swap
from .warm_pools import WarmPools

# AWS's own words are not documented.
RECOMMENDED = "in response to an EC2 instance rebalance recommendation"
DIFFERENCE = "in response to a difference between desired and actual capacity"


class GroupLoop:
    """Bring groups towards what is desired of them."""

    def __init__(
        self, launcher: Launcher, lifecycle: Lifecycle, health: HealthChecks, pools: WarmPools, options: Options, timing: Timing
    ) -> None:
        self._launcher = launcher
        self._pools = pools
        self._lifecycle = lifecycle
        self._health = health
        self._timing = timing
        self._random = random.Random(options.seed)

    def turn(self, group: Group, now: float) -> None:
        """Take one turn."""
        self._lifecycle.advance(group, now)
        self._health.mark(group, now)
        self._replace(group)
        self._swap(group)
        if group.units() < self._wanted(group):
            self._scale_out(group, now)
        elif group.units() > self._wanted(group):
            self._scale_in(group, now)
        if group.units() == self._wanted(group):
            group.scale_reason = ""
        self._rebalance(group, now)
        self._pools.turn(group, now)

    @staticmethod
    def _wanted(group: Group) -> int:
        surplus = [group.members[id].units for swap in group.swaps for id in swap.new if id in group.members]
        return group.desired + sum(surplus)

    # -- size

    def _scale_out(self, group: Group, now: float) -> None:
        while group.units() < self._wanted(group) and group.runs("Launch") and now >= group.next_launch and group.subnets:
            have = group.units()
            cause = group.reasons.pop(0) if group.reasons else ""
            if not cause:
                change = f"increasing the capacity from {have} to {have + 1}"
                cause = f"{self._because(group)}an instance was started {DIFFERENCE}, {change}."
            if self._launcher.launch(group, cause) is None:
                return

    def _because(self, group: Group) -> str:
        return f"{group.scale_reason}  At {self._timing.text()} " if group.scale_reason else ""

    def _scale_in(self, group: Group, now: float) -> None:
        while group.runs("Terminate"):
            spare = group.units() - self._wanted(group)
            new = {id for swap in group.swaps for id in swap.new}
            open_to = [member for member in group.counted() if member.id not in new]
            chosen = victim(open_to, group.policies, current(group).id, now, self._random) if spare > 0 else None
            if chosen is None or chosen.units > spare:
                return
            have = group.units()
            cause = (
                f"{self._because(group)}an instance was taken out of service {DIFFERENCE}, shrinking the capacity from {have} to "
                f"{have - chosen.units}.  At {self._timing.text()} instance {chosen.id} was selected for termination."
            )
            self._lifecycle.leave(group, chosen, cause)

    # -- replacement

    def _replace(self, group: Group) -> None:
        if not group.runs("ReplaceUnhealthy"):
            return
        swapped = {swap.old for swap in group.swaps}
        for member in group.in_service():
            if member.health == "Healthy" or member.id in swapped:
                continue
            if self._launches_first(group) and self._lifecycle.state(member) == "running":
                self.swap(group, member, "an instance was launched in response to an unhealthy instance needing to be replaced.")
            elif group.runs("Terminate"):
                self.drop(group, member, f"an instance was taken out of service in response to {member.sickness}.")
        if group.capacity_rebalance:
            self._rescue(group, swapped)

    def _rescue(self, group: Group, swapped: set[str | None]) -> None:
        """Launch first for what is likely to be interrupted ("Use Capacity Rebalancing to handle Spot interruptions")."""
        for member in group.in_service():
            if member.at_risk and member.id not in swapped:
                self.swap(group, member, f"an instance was launched {RECOMMENDED}.", needs_health=True)

    @staticmethod
    def _launches_first(group: Group) -> bool:
        return group.maintenance is not None and group.maintenance[1] > 100 and group.runs("Launch")

    def drop(self, group: Group, member: Member, cause: str) -> None:
        """Terminate a member whose place is then filled."""
        self._lifecycle.leave(group, member, cause)
        group.reasons.append("an instance was launched in response to an unhealthy instance needing to be replaced.")

    def swap(self, group: Group, old: Member | None, cause: str, *, zone: str | None = None, needs_health: bool = False) -> None:
        """Launch a replacement first; `old` (None: the choice of the termination policy) goes when it is ready."""
        if self._timing.now() < group.next_launch:
            return
        new = list[Member]()
        while sum(member.units for member in new) < (old.units if old else 1):
            member = self._launcher.launch(group, cause, zone)
            if member is None:
                break
            new.append(member)
        if new:
            group.swaps.append(Swap(old.id if old else None, tuple(member.id for member in new), cause, needs_health))

    def _swap(self, group: Group) -> None:
        for swap in list(group.swaps):
            new = [group.members[id] for id in swap.new if id in group.members]
            old = group.members.get(swap.old) if swap.old else None
            lost = len(new) < len(swap.new) or any(member.lifecycle in LEAVING for member in new)
            if lost or (swap.old and (old is None or not old.counted)):
                group.swaps.remove(swap)
            elif all(self._arrived(group, swap, member) for member in new):
                group.swaps.remove(swap)
                if old is not None and group.runs("Terminate"):
                    self._lifecycle.leave(group, old, _retired(swap))

    def _arrived(self, group: Group, swap: Swap, member: Member) -> bool:
        checked = swap.needs_health or swap.old is not None
        return self._health.ready(group, member) if checked else member.lifecycle == "InService"

    # -- zones

    def _rebalance(self, group: Group, now: float) -> None:
        counted = group.counted()
        settled = all(member.lifecycle == "InService" for member in counted) and not group.swaps and now >= group.next_launch
        enough = group.units() == group.desired or (group.units() > group.desired and not group.runs("Terminate"))
        # rebalancing may exceed the maximum by 10 %, or by one
        room = len(counted) < group.max + max(1, math.ceil(group.max / 10))
        if not (settled and enough and room and group.runs("AZRebalance") and group.runs("Launch")):
            return
        if imbalance(group.zones, counted) >= 2:
            zone = emptiest_zone(group.zones, counted)
            cause = (
                f"an instance was launched to balance instances in zone {zone} with other zones resulting in more than desired "
                "number of instances in the group."
            )
            self.swap(group, None, cause, zone=zone)


def _retired(swap: Swap) -> str:
    if RECOMMENDED in swap.reason:
        return f"an instance was taken out of service {RECOMMENDED}."
    return f"an instance was taken out of service: {', '.join(swap.new)} takes the place of {swap.old}."
