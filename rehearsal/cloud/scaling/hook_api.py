"""Auto Scaling's calls about lifecycle hooks."""

from collections.abc import Mapping
from typing import Any

from ..errors import invalid
from .groups import Groups
from .hooks import Hooks, describe
from .lifecycle import Lifecycle
from .state import LAUNCHING, TERMINATING, Hook

Params = Mapping[str, Any]


class HookApi:
    """Put, delete, list hooks; complete and prolong their waits."""

    def __init__(self, groups: Groups, hooks: Hooks, lifecycle: Lifecycle) -> None:
        self._groups = groups
        self._hooks = hooks
        self._lifecycle = lifecycle
        self.actions = {
            "PutLifecycleHook": self.put,
            "DeleteLifecycleHook": self.delete,
            "DescribeLifecycleHooks": self.list,
            "DescribeLifecycleHookTypes": lambda params: {"LifecycleHookTypes": [LAUNCHING, TERMINATING]},
            "CompleteLifecycleAction": self.complete,
            "RecordLifecycleActionHeartbeat": self.heartbeat,
        }

    def put(self, params: Params) -> Any:
        """Create or change a hook; parameters that are left out keep their values."""
        group = self._groups.find(params["AutoScalingGroupName"])
        known = group.hooks.get(params["LifecycleHookName"])
        transition = params.get("LifecycleTransition") or (known.transition if known else "")
        if transition not in (LAUNCHING, TERMINATING):
            raise invalid(f"Invalid lifecycle transition: {transition or 'none given'}")
        heartbeat = int(params.get("HeartbeatTimeout") or (known.heartbeat if known else 3600))
        if not 30 <= heartbeat <= 7200:
            raise invalid("Heartbeat timeout must be between 30 and 7200 seconds.")
        group.hooks[params["LifecycleHookName"]] = Hook(
            params["LifecycleHookName"],
            transition,
            params.get("DefaultResult") or (known.result if known else "ABANDON"),
            heartbeat,
            params.get("NotificationMetadata") or (known.metadata if known else ""),
            params.get("NotificationTargetARN") or (known.notification if known else ""),
            params.get("RoleARN") or (known.role if known else ""),
        )
        return {}

    def delete(self, params: Params) -> Any:
        """Delete a hook; instances that wait for it continue with its default result."""
        group = self._groups.find(params["AutoScalingGroupName"])
        if params["LifecycleHookName"] not in group.hooks:
            raise invalid("No such lifecycle hook.")
        del group.hooks[params["LifecycleHookName"]]
        for member in group.members.values():
            if wait := member.waits.get(params["LifecycleHookName"]):
                wait.deadline = 0.0
        return {}

    def list(self, params: Params) -> Any:
        """List a group's hooks."""
        group = self._groups.find(params["AutoScalingGroupName"])
        names = params.get("LifecycleHookNames")
        return {
            "LifecycleHooks": [describe(hook, group.name) for hook in group.hooks.values() if not names or hook.name in names]
        }

    def complete(self, params: Params) -> Any:
        """End a wait: CONTINUE proceeds; ABANDON terminates a new instance, and ends all waits of a terminating instance."""
        group = self._groups.find(params["AutoScalingGroupName"])
        member, wait = self._hooks.find(
            group, params["LifecycleHookName"], params.get("LifecycleActionToken"), params.get("InstanceId")
        )
        del member.waits[wait.hook.name]
        if params["LifecycleActionResult"] == "ABANDON":
            member.waits.clear()
            self._lifecycle.abandon(group, member, wait, "Lifecycle Action Completed with ABANDON Result")
        return {}

    def heartbeat(self, params: Params) -> Any:
        """Count a wait's heartbeat anew."""
        group = self._groups.find(params["AutoScalingGroupName"])
        _, wait = self._hooks.find(
            group, params["LifecycleHookName"], params.get("LifecycleActionToken"), params.get("InstanceId")
        )
        self._hooks.prolong(wait)
        return {}
