"""One instance refresh: what it was asked, how far it is, and which instances it still has to replace."""

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import invalid
from .state import Group, Member, TemplateRef

Params = Mapping[str, Any]
ENDED = ("Successful", "Failed", "Cancelled", "RollbackSuccessful", "RollbackFailed")


@dataclass(frozen=True)
class Preferences:
    """How a refresh goes about it; percentages of the desired capacity, durations in AWS seconds."""

    least: int = 90
    most: int | None = None
    warmup: int | None = None
    skip_matching: bool = False
    auto_rollback: bool = False
    protected: str = "Wait"
    standby: str = "Wait"
    checkpoints: tuple[int, ...] = ()
    checkpoint_delay: int = 3600
    bake: int = 0
    alarms: tuple[str, ...] = ()

    @classmethod
    def of(cls, params: Params) -> "Preferences":
        """Read and check what was asked. Raises ApiError."""
        least = int(params.get("MinHealthyPercentage", 90))
        most = int(params["MaxHealthyPercentage"]) if "MaxHealthyPercentage" in params else None
        alarms = tuple(params.get("AlarmSpecification", {}).get("Alarms", ()))
        if len(alarms) > 10:
            raise invalid("AlarmSpecification names at most 10 alarms.")
        if most is not None and not (100 <= most <= 200 and most - least <= 100):
            raise invalid("MaxHealthyPercentage must be 100 to 200, and at most 100 above MinHealthyPercentage.")
        return cls(
            least,
            most,
            int(params["InstanceWarmup"]) if "InstanceWarmup" in params else None,
            bool(params.get("SkipMatching")),
            bool(params.get("AutoRollback")),
            params.get("ScaleInProtectedInstances", "Wait"),
            params.get("StandbyInstances", "Wait"),
            tuple(int(percentage) for percentage in params.get("CheckpointPercentages", ())),
            int(params.get("CheckpointDelay", 3600)),
            int(params.get("BakeTime", 0)),
            alarms,
        )


@dataclass
class Refresh:
    """One refresh of one group."""

    group: str
    preferences: Preferences
    requested: Params
    desired: Params  # DesiredConfiguration
    original: tuple[TemplateRef | None, Params | None]  # what the group launched before: template, mixed policy
    started: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Pending"
    reason: str = ""
    todo: list[str] = field(default_factory=list)  # instances to replace
    total: int = 0
    ended: float | None = None
    next_checkpoint: int = 0
    resting_until: float = 0.0
    baked_at: float | None = None
    blocked_since: float | None = None
    details: Params | None = None  # of a rollback

    @property
    def before(self) -> tuple[TemplateRef | None, Params | None] | None:
        """Return what the group launched before, to go back to: None unless its template versions are numbers."""
        template, policy = self.original
        mixed = (policy or {}).get("LaunchTemplate", {})
        own = [
            one["LaunchTemplateSpecification"]
            for one in (mixed, *mixed.get("Overrides", ()))
            if one.get("LaunchTemplateSpecification")
        ]
        versions = [template.version] if template else [str(one.get("Version", "$Default")) for one in own]
        return self.original if self.desired and all(version.isdigit() for version in versions) else None

    @property
    def rolling_back(self) -> bool:
        """Return whether it is rolling back."""
        return self.status == "RollbackInProgress"

    @property
    def running(self) -> bool:
        """Return whether it has not ended."""
        return self.status not in ENDED

    @property
    def percentage(self) -> int:
        """Return how much is done."""
        return 100 if not self.total else math.floor(100 * (self.total - len(self.todo)) / self.total)

    def room(self, group: Group, ready: int) -> tuple[int, int]:
        """Return how many more instances it may terminate, and how many it may launch first.

        `ready` is how many are in service, healthy and warmed up. At least one is always replaced. Source: "Understand the
        default values for an instance refresh".
        """
        least = math.ceil(group.desired * self.preferences.least / 100)
        if self.preferences.most is not None and self.preferences.most > 100:
            most = max(math.floor(group.desired * self.preferences.most / 100), group.desired + 1)
            return max(ready - least, 0), max(most - group.units(), 0)
        # nothing above 100 %: terminate and launch together, one at least
        return max(ready - least, 1 if ready >= group.desired else 0), 0


def matches(group: Group, member: Member, number: str, template: TemplateRef) -> bool:
    """Return whether a member already is what the group would launch."""
    return member.template.id == template.id and member.template.version == number


def shown(refresh: Refresh, dates: Mapping[str, Any]) -> dict[str, Any]:
    """Return a refresh as the API shows it; `dates` are StartTime and EndTime."""
    result: dict[str, Any] = {
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": refresh.group,
        "Status": refresh.status,
        "PercentageComplete": refresh.percentage,
        "InstancesToUpdate": len(refresh.todo),
        "Preferences": {"MinHealthyPercentage": 90, **refresh.requested},
        **{name: value for name, value in dates.items() if value is not None},
    }
    if refresh.reason:
        result["StatusReason"] = refresh.reason
    if refresh.desired:
        result["DesiredConfiguration"] = refresh.desired
    if refresh.details:
        result["RollbackDetails"] = refresh.details
    return result
