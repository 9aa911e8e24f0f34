"""Lifecycle hooks: an instance waits for CompleteLifecycleAction, or until the heartbeat runs out."""

import uuid

from ..errors import invalid
from ..timing import Timing
from .state import Group, Hook, Member, Wait

MAX_WAIT = 172_800  # AWS seconds: 48 hours, or 100 heartbeats, whichever is less


class Hooks:
    """Begin, prolong, and end the waits of members."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing

    def begin(self, group: Group, member: Member, transition: str) -> bool:
        """Let a member wait for every hook of the transition; return whether there is any."""
        now = self._timing.now()
        for hook in group.hooks.values():
            if hook.transition == transition:
                longest = min(hook.heartbeat * 100, MAX_WAIT)
                deadline = now + self._timing.real(hook.heartbeat)
                member.waits[hook.name] = Wait(hook, str(uuid.uuid4()), deadline, now + self._timing.real(longest))
        return bool(member.waits)

    def expire(self, member: Member, now: float) -> list[Wait]:
        """End the waits whose time is over, each with its hook's default; return those that abandon."""
        over = [wait for wait in member.waits.values() if now >= min(wait.deadline, wait.last_deadline)]
        for wait in over:
            del member.waits[wait.hook.name]
        return [wait for wait in over if wait.hook.result == "ABANDON"]

    def find(self, group: Group, hook: str, token: str | None, instance_id: str | None) -> tuple[Member, Wait]:
        """Return the member that waits for a hook. Raises ApiError."""
        for member in group.members.values():
            wait = member.waits.get(hook)
            if wait and (wait.token == token or member.id == instance_id):
                return member, wait
        raise invalid(f"No active Lifecycle Action found with instance ID {instance_id or token}")

    def prolong(self, wait: Wait) -> None:
        """Count the heartbeat anew."""
        wait.deadline = self._timing.now() + self._timing.real(wait.hook.heartbeat)


def describe(hook: Hook, group: str) -> dict[str, object]:
    """Return a hook as the API shows it."""
    shown: dict[str, object] = {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group,
        "LifecycleTransition": hook.transition,
        "HeartbeatTimeout": hook.heartbeat,
        "GlobalTimeout": min(hook.heartbeat * 100, MAX_WAIT),
        "DefaultResult": hook.result,
    }
    optional = {"NotificationMetadata": hook.metadata, "NotificationTargetARN": hook.notification, "RoleARN": hook.role}
    return {**shown, **{name: value for name, value in optional.items() if value}}
