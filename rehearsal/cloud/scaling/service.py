"""The Auto Scaling service, put together."""

from collections.abc import Callable, Mapping
from typing import Any

from ..consistency import Consistency
from ..machines import Machines
from ..moto_state import MotoState
from ..options import Options
from ..targets import Targets
from ..templates import Templates
from ..timing import Timing
from .activities import Activities
from .group_api import GroupApi
from .group_config import GroupConfig
from .group_loop import GroupLoop
from .groups import Groups
from .health import HealthChecks
from .hook_api import HookApi
from .hooks import Hooks
from .launcher import Launcher
from .lifecycle import Lifecycle
from .member_api import MemberApi
from .policies import Policies
from .refresh_api import RefreshApi
from .refresh_loop import RefreshLoop
from .schedules import Schedules
from .tag_api import TagApi
from .warm_pool_api import WarmPoolApi
from .warm_pools import WarmPools


class AutoScaling:
    """All groups of one account: their actions, and their turn of the control loop."""

    def __init__(
        self, machines: Machines, moto: MotoState, targets: Targets, templates: Templates, options: Options, timing: Timing
    ) -> None:
        activities = Activities(timing)
        hooks = Hooks(timing)
        self.groups = Groups(timing)
        self.consistency = Consistency(lambda: options.group_tag_lag, timing, options.seed)
        launcher = Launcher(machines, templates, activities, options, timing)
        lifecycle = Lifecycle(machines, moto, targets, hooks, activities, timing)
        health = HealthChecks(lifecycle, targets, options, timing)
        pools = WarmPools(launcher, machines, moto, activities, options, timing)
        self._loop = GroupLoop(launcher, lifecycle, health, pools, options, timing)
        config = GroupConfig(launcher, moto)
        self.policies = Policies(self.groups, timing)
        self._schedules = Schedules(self.groups, timing)

        def rings(alarm: str) -> bool:
            known = moto.cloudwatch.alarms.get(alarm)
            return known is not None and known.state_value == "ALARM"

        refresh_loop = RefreshLoop(self._loop, lifecycle, health, pools, templates, timing, rings)
        self._refreshes = RefreshApi(self.groups, config, refresh_loop, timing)
        parts: list[Any] = [
            GroupApi(self.groups, config, lifecycle, targets, moto, timing),
            MemberApi(self.groups, lifecycle, activities, moto, options, timing),
            HookApi(self.groups, hooks, lifecycle),
            TagApi(self.groups, self.consistency),
            WarmPoolApi(self.groups, pools),
            self.policies,
            self._schedules,
            self._refreshes,
        ]
        self.actions: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        for part in parts:
            self.actions.update(part.actions)

    def tick(self, now: float) -> None:
        """Let every group take its turn."""
        self._schedules.tick(now)
        self._refreshes.tick(now)
        for group in list(self.groups.all.values()):
            self._loop.turn(group, now)
        self.groups.tick_deleted()
