"""The groups of the account, and the sizes they may have."""

from ..errors import ApiError, invalid
from ..timing import Timing
from .state import LEAVING, Group, Member


class Groups:
    """Find groups and members; change the desired capacity within its bounds."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self.all: dict[str, Group] = {}

    def find(self, name: str) -> Group:
        """Return a group by name. Raises ApiError."""
        if name not in self.all:
            raise invalid(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        return self.all[name]

    def of_instance(self, instance_id: str) -> tuple[Group, Member]:
        """Return the group of an instance, and the member. Raises ApiError."""
        for group in self.all.values():
            if instance_id in group.members:
                return group, group.members[instance_id]
        raise invalid(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")

    @staticmethod
    def members(group: Group, instance_ids: list[str]) -> list[Member]:
        """Return members by id. Raises ApiError for an instance that is not in the group."""
        if missing := [id for id in instance_ids if id not in group.members]:
            raise invalid(f"The instance {missing[0]} is not part of Auto Scaling group {group.name}.")
        return [group.members[id] for id in instance_ids]

    def set_desired(self, group: Group, desired: int, reason: str) -> None:
        """Change the desired capacity, for a reason that scaling activities will show. Raises ApiError out of bounds."""
        if desired > group.max:
            raise invalid(f"New SetDesiredCapacity value {desired} is above max value {group.max} for the AutoScalingGroup.")
        if desired < group.min:
            raise invalid(f"New SetDesiredCapacity value {desired} is below min value {group.min} for the AutoScalingGroup.")
        if desired != group.desired:
            change = f"changing the desired capacity from {group.desired} to {desired}."
            group.scale_reason = f"{reason} {change}"
            group.desired = desired
            group.last_scaled = self._timing.now()

    def decrement(self, group: Group, count: int, what: str) -> None:
        """Lower the desired capacity with a member that goes. Raises ApiError where the minimum forbids it."""
        if group.desired - count < group.min:
            raise invalid(
                f"Currently, desiredSize equals minSize ({group.min}). {what} without replacement will violate group's min size "
                "constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size."
            )
        group.desired -= count

    def tick_deleted(self) -> None:
        """Drop the groups that are being deleted and have no members left."""
        for group in [group for group in self.all.values() if group.deleting and not (group.members or group.warm)]:
            del self.all[group.name]


def check_sizes(least: int, most: int, desired: int) -> None:
    """Raise ApiError for sizes that contradict each other."""
    if least > most:
        raise invalid("Max bound must be greater than or equal to min bound")
    if not least <= desired <= most:
        raise invalid(f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}")


def busy(group: Group) -> None:
    """Raise ScalingActivityInProgress while a member comes or goes."""
    if any(member.lifecycle in LEAVING or member.lifecycle.startswith("Pending") for member in group.members.values()):
        raise ApiError(
            "ScalingActivityInProgress", f"There are scaling activities in progress for Auto Scaling group {group.name}."
        )
