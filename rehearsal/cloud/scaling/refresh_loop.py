"""The turn of an instance refresh: replace what is to be replaced, within the bounds, until none is left."""

from collections.abc import Callable

from ..launch_requests import resolve
from ..templates import Templates
from ..timing import Timing
from .group_loop import GroupLoop
from .health import HealthChecks
from .launcher import current
from .lifecycle import Lifecycle
from .refresh import Refresh, matches
from .state import Group, Member
from .warm_pools import WarmPools

PATIENCE = 3600  # AWS seconds that a refresh waits for protected and standby instances, and for unhealthy new ones


class RefreshLoop:
    """Move refreshes on."""

    def __init__(
        self,
        loop: GroupLoop,
        lifecycle: Lifecycle,
        health: HealthChecks,
        pools: WarmPools,
        templates: Templates,
        timing: Timing,
        rings: Callable[[str], bool],
    ) -> None:
        self._loop = loop
        self._lifecycle = lifecycle
        self._health = health
        self._pools = pools
        self._templates = templates
        self._timing = timing
        self._rings = rings

    def begin(self, refresh: Refresh, group: Group) -> None:
        """List what is to be replaced."""
        members = [member for member in group.members.values() if member.counted or member.lifecycle == "Standby"]
        skip = refresh.preferences.skip_matching or refresh.rolling_back
        refresh.todo = [m.id for m in members if self._open(refresh, m) and not (skip and self._matches(group, m))]
        refresh.total = len(refresh.todo)
        for member in list(group.warm.values()):
            if not self._matches(group, member):
                self._pools.end(group, member, _why(refresh))

    def _matches(self, group: Group, member: Member) -> bool:
        template = current(group)
        _, version = resolve(self._templates, template.shown())
        return matches(group, member, str(version.number), template)

    def turn(self, refresh: Refresh, group: Group, now: float) -> None:
        """Take one turn; Pending becomes InProgress with the first."""
        if refresh.status == "Pending":
            refresh.status = "InProgress"
        refresh.todo = [id for id in refresh.todo if id in group.members and self._open(refresh, group.members[id])]
        if refresh.status == "Cancelling":
            self.end(refresh, group, "Cancelled", now)
        elif (
            not group.runs("InstanceRefresh")
            or self._alarmed(refresh, group, now)
            or self._timed_out(refresh, group, now)
            or self._resting(refresh, group, now)
        ):
            return
        elif refresh.todo:
            self._replace(refresh, group, now)
        elif self._warm(refresh, group, now) >= group.desired and not group.swaps and self._baked(refresh, now):
            self.end(refresh, group, "RollbackSuccessful" if refresh.rolling_back else "Successful", now)

    def _alarmed(self, refresh: Refresh, group: Group, now: float) -> bool:
        ringing = [] if refresh.rolling_back else [name for name in refresh.preferences.alarms if self._rings(name)]
        if ringing:
            self.fail(refresh, group, now, f"The CloudWatch alarm {ringing[0]} is in the ALARM state.")
        return bool(ringing)

    def _baked(self, refresh: Refresh, now: float) -> bool:
        if refresh.rolling_back or not refresh.preferences.bake:
            return True
        if refresh.baked_at is None:
            refresh.status, refresh.baked_at = "Baking", now + self._timing.real(refresh.preferences.bake)
        return now >= refresh.baked_at

    @staticmethod
    def _open(refresh: Refresh, member: Member) -> bool:
        """Say whether a member is still to be replaced; what is ignored never is."""
        if member.lifecycle in ("Standby", "EnteringStandby"):
            return refresh.preferences.standby != "Ignore"
        return member.counted and not (member.protected and refresh.preferences.protected == "Ignore")

    @staticmethod
    def end(refresh: Refresh, group: Group, status: str, now: float, reason: str = "") -> None:
        """End a refresh; only a successful refresh leaves its configuration in the group."""
        if status != "Successful":
            group.template, group.mixed = refresh.original
        refresh.status, refresh.ended = status, now
        refresh.reason = reason or refresh.reason

    def _warm(self, refresh: Refresh, group: Group, now: float) -> int:
        # the group's default warm-up, or its grace period where it has none; the request's warm-up overrides both, 0 too
        usual = group.warmup if group.warmup >= 0 else group.grace
        asked = refresh.preferences.warmup
        seconds = self._timing.real(usual if asked is None else max(asked, 0))
        ready = [member for member in group.in_service() if self._health.ready(group, member)]
        return sum(member.units for member in ready if member.id in refresh.todo or now >= member.since + seconds)

    def _timed_out(self, refresh: Refresh, group: Group, now: float) -> bool:
        left = [group.members[id] for id in refresh.todo]
        waiting = [member for member in left if self._waits_for(refresh, member)]
        sick = [
            member for member in group.in_service() if member.id not in refresh.todo and not self._health.ready(group, member)
        ]
        stuck = bool(sick) or (bool(left) and len(waiting) == len(left)) or group.failures > 0
        if not stuck:
            refresh.blocked_since = None
            return False
        refresh.blocked_since = refresh.blocked_since or now
        if now < refresh.blocked_since + self._timing.real(PATIENCE):
            return False
        self.fail(refresh, group, now, "The refresh waited too long for instances that are not healthy, protected or in standby.")
        return True

    @staticmethod
    def _waits_for(refresh: Refresh, member: Member) -> bool:
        if member.lifecycle in ("Standby", "EnteringStandby"):
            return refresh.preferences.standby == "Wait"
        return member.protected and refresh.preferences.protected == "Wait"

    def fail(self, refresh: Refresh, group: Group, now: float, reason: str) -> None:
        """End a refresh that cannot go on, or turn it round where it was asked to."""
        if refresh.preferences.auto_rollback and not refresh.rolling_back and refresh.before is not None:
            self.roll_back(refresh, group, reason)
        else:
            self.end(refresh, group, "RollbackFailed" if refresh.rolling_back else "Failed", now, reason)

    def roll_back(self, refresh: Refresh, group: Group, reason: str) -> None:
        """Go back to what the group had before."""
        refresh.details = {
            "RollbackReason": reason,
            "PercentageCompleteOnRollback": refresh.percentage,
            "InstancesToUpdateOnRollback": len(refresh.todo),
        }
        refresh.status = "RollbackInProgress"
        group.template, group.mixed = refresh.original
        refresh.blocked_since, refresh.resting_until = None, 0.0
        for swap in group.swaps:
            # Terminate the instance that was launched first and is not in service yet, not the instance that it would replace.
            for new in [group.members[id] for id in swap.new if swap.old and id in group.members]:
                if new.counted:
                    self._lifecycle.leave(group, new, f"an instance was taken out of service: {_why(refresh)}")
        group.swaps.clear()
        self.begin(refresh, group)

    def _resting(self, refresh: Refresh, group: Group, now: float) -> bool:
        points = refresh.preferences.checkpoints
        if refresh.rolling_back or refresh.next_checkpoint >= len(points):
            return now < refresh.resting_until
        if refresh.percentage >= points[refresh.next_checkpoint] and self._warm(refresh, group, now) >= group.desired:
            refresh.next_checkpoint += 1
            refresh.resting_until = now + self._timing.real(refresh.preferences.checkpoint_delay)
        elif refresh.percentage >= points[refresh.next_checkpoint]:
            return True
        return now < refresh.resting_until

    def _replace(self, refresh: Refresh, group: Group, now: float) -> None:
        swapped = {swap.old for swap in group.swaps}
        left = [group.members[id] for id in refresh.todo if id not in swapped]
        left = [member for member in left if self._may(refresh, member)]
        may_terminate, may_launch = refresh.room(group, self._warm(refresh, group, now))
        for member in left:
            if member.lifecycle == "Standby":
                # It does not count, so nothing takes its place.
                self._lifecycle.leave(group, member, f"an instance was taken out of service: {_why(refresh)}")
            elif self._first_launches(refresh):
                if may_launch <= 0:
                    return
                may_launch -= member.units
                self._loop.swap(group, member, _why(refresh), zone=member.zone, needs_health=True)
            elif may_terminate > 0:
                may_terminate -= member.units
                self._lifecycle.leave(group, member, f"an instance was taken out of service: {_why(refresh)}")
                group.reasons.append(_why(refresh))

    @staticmethod
    def _first_launches(refresh: Refresh) -> bool:
        return refresh.preferences.most is not None and refresh.preferences.most > 100

    @staticmethod
    def _may(refresh: Refresh, member: Member) -> bool:
        if member.lifecycle != "InService":
            return member.lifecycle == "Standby" and refresh.preferences.standby == "Terminate"
        return not member.protected or refresh.preferences.protected == "Refresh"


def _why(refresh: Refresh) -> str:
    return f"an instance was launched in response to an instance refresh: {refresh.id}."
