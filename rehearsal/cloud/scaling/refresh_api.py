"""Auto Scaling's calls about instance refreshes."""

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ApiError, invalid
from ..paging import page
from ..timing import Timing
from .group_config import GroupConfig
from .groups import Groups
from .refresh import Preferences, Refresh, shown
from .refresh_loop import RefreshLoop
from .state import Group

Params = Mapping[str, Any]


class RefreshApi:
    """Start, describe, cancel and roll back refreshes."""

    def __init__(self, groups: Groups, config: GroupConfig, loop: RefreshLoop, timing: Timing) -> None:
        self._groups = groups
        self._config = config
        self._loop = loop
        self._timing = timing
        self._refreshes: list[Refresh] = []
        self.actions: dict[str, Callable[[Params], Any]] = {
            "StartInstanceRefresh": self.start,
            "DescribeInstanceRefreshes": self.describe,
            "CancelInstanceRefresh": self.cancel,
            "RollbackInstanceRefresh": self.roll_back,
        }

    def _running(self, group: Group) -> Refresh:
        for refresh in self._refreshes:
            if refresh.group == group.name and refresh.running:
                return refresh
        raise ApiError("ActiveInstanceRefreshNotFound", f"No in progress or pending Instance Refresh found for {group.name}")

    def start(self, params: Params) -> Any:
        """Begin to replace the instances, one refresh at a time."""
        group = self._groups.find(params["AutoScalingGroupName"])
        if any(refresh.group == group.name and refresh.running for refresh in self._refreshes):
            raise ApiError("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks this one.")
        requested = {**_maintenance(group), **params.get("Preferences", {})}
        desired = params.get("DesiredConfiguration", {})
        original = (group.template, group.mixed)
        refresh = Refresh(group.name, Preferences.of(requested), requested, desired, original, self._timing.now())
        if refresh.preferences.auto_rollback and refresh.before is None:
            raise invalid("AutoRollback needs a DesiredConfiguration, and a numbered launch template version in the group.")
        self._config.apply(group, desired)
        self._loop.begin(refresh, group)
        self._refreshes.insert(0, refresh)
        return {"InstanceRefreshId": refresh.id}

    def describe(self, params: Params) -> Any:
        """List the refreshes of a group, the newest first."""
        group, wanted = self._groups.find(params["AutoScalingGroupName"]), params.get("InstanceRefreshIds")
        found = [refresh for refresh in self._refreshes if refresh.group == group.name and (not wanted or refresh.id in wanted)]
        listed, token = page(found, params, 100)
        return {"InstanceRefreshes": [self._shown(refresh) for refresh in listed], "NextToken": token}

    def _shown(self, refresh: Refresh) -> dict[str, Any]:
        ended = self._timing.date(refresh.ended) if refresh.ended is not None else None
        return shown(refresh, {"StartTime": self._timing.date(refresh.started), "EndTime": ended})

    def cancel(self, params: Params) -> Any:
        """Stop replacing; what was replaced stays so."""
        refresh = self._running(self._groups.find(params["AutoScalingGroupName"]))
        refresh.status = "Cancelling"
        return {"InstanceRefreshId": refresh.id}

    def roll_back(self, params: Params) -> Any:
        """Go back to what the group had before: only while the refresh runs, and to a numbered version."""
        group = self._groups.find(params["AutoScalingGroupName"])
        refresh = self._running(group)
        if refresh.before is None or refresh.rolling_back:
            raise ApiError("IrreversibleInstanceRefresh", "The refresh cannot be rolled back: no numbered version to go back to.")
        self._loop.roll_back(refresh, group, "User initiated the rollback")
        return {"InstanceRefreshId": refresh.id}

    def tick(self, now: float) -> None:
        """Move the running refreshes on."""
        for refresh in self._refreshes:
            group = self._groups.all.get(refresh.group)
            if refresh.running and group is not None:
                self._loop.turn(refresh, group, now)


def _maintenance(group: Group) -> dict[str, int]:
    if group.maintenance is None:
        return {}
    return {"MinHealthyPercentage": group.maintenance[0], "MaxHealthyPercentage": group.maintenance[1]}
