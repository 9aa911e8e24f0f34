"""What a group, its members and its activities are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
ROOT_VOLUME = ("ReplacingRootVolume", "ReplacingRootVolume:Wait", "ReplacingRootVolume:Proceed", "RootVolumeReplaced")
COUNTED = ("Pending", "Pending:Wait", "Pending:Proceed", "InService", *ROOT_VOLUME)
LEAVING = ("Terminating", "Terminating:Wait", "Terminating:Proceed", "Detaching")


@dataclass(frozen=True)
class TemplateRef:
    """A launch template and the version as it was asked for: a number, `$Latest` or `$Default`."""

    id: str
    name: str
    version: str

    def shown(self) -> dict[str, str]:
        """Return it as the API shows it."""
        return {"LaunchTemplateId": self.id, "LaunchTemplateName": self.name, "Version": self.version}


@dataclass
class Activity:
    """One launch or termination, as DescribeScalingActivities shows it."""

    id: str
    group: str
    description: str
    cause: str
    started: float
    details: str
    status: str = "InProgress"
    message: str = ""
    progress: int = 0
    ended: float | None = None


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook."""

    name: str
    transition: str
    result: str = "ABANDON"
    heartbeat: int = 3600  # AWS seconds
    metadata: str = ""
    notification: str = ""
    role: str = ""


@dataclass
class Wait:
    """A hook that an instance waits for."""

    hook: Hook
    token: str
    deadline: float
    last_deadline: float


@dataclass
class Member:
    """An instance of a group."""

    id: str
    zone: str
    template: TemplateRef  # with the resolved number
    instance_type: str
    launched: float
    lifecycle: str = "Pending"
    health: str = "Healthy"
    protected: bool = False
    weight: int | None = None
    spot: bool = False
    at_risk: bool = False  # EC2 recommended to rebalance it
    since: float = 0.0  # in service since then; 0: not yet
    registered: set[str] = field(default_factory=set)  # target groups that the group put it into
    sickness: str = ""  # why it is unhealthy
    waits: dict[str, Wait] = field(default_factory=dict)
    hooks_done: bool = False
    activity: Activity | None = None

    @property
    def counted(self) -> bool:
        """Return whether it counts towards the desired capacity."""
        return self.lifecycle in COUNTED

    @property
    def units(self) -> int:
        """Return how much of the desired capacity it is."""
        return self.weight or 1


@dataclass
class Swap:
    """A replacement that is launched first: when all of `new` are ready, `old` goes (None: the termination policy chooses)."""

    old: str | None
    new: tuple[str, ...]  # several, where the weight of one is not enough
    reason: str
    needs_health: bool = False


@dataclass
class WarmPool:
    """How large a warm pool is, and how its instances wait."""

    state: str = "Stopped"
    least: int = 0
    prepared: int = -1  # MaxGroupPreparedCapacity; -1: the group's maximum
    reuse: bool = False  # what is scaled in returns to the pool
    deleting: bool = False


@dataclass
class Group:
    """An Auto Scaling group."""

    name: str
    arn: str
    created: float
    min: int
    max: int
    desired: int
    subnets: dict[str, str]  # subnet id -> zone
    template: TemplateRef | None = None
    mixed: Mapping[str, Any] | None = None
    target_groups: list[str] = field(default_factory=list)
    health_type: str = "EC2"
    grace: int = 0  # AWS seconds
    cooldown: int = 300  # AWS seconds
    policies: list[str] = field(default_factory=lambda: ["Default"])
    protect_new: bool = False
    maintenance: tuple[int, int] | None = None  # minimum, maximum healthy percentage
    warmup: int = -1  # default instance warm-up, AWS seconds
    suspended: dict[str, str] = field(default_factory=dict)
    tags: dict[str, tuple[str, bool]] = field(default_factory=dict)  # key -> value, propagate at launch
    hooks: dict[str, Hook] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    swaps: list[Swap] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # why the next launches are due
    scale_reason: str = ""  # why desired was changed last
    next_launch: float = 0.0
    failures: int = 0
    bad_zones: dict[str, float] = field(default_factory=dict)  # zones without capacity, until when they are avoided
    last_scaled: float = 0.0
    deleting: bool = False
    metrics: list[str] = field(default_factory=list)
    warm_pool: WarmPool | None = None
    warm: dict[str, Member] = field(default_factory=dict)  # the pool's instances
    capacity_rebalance: bool = False
    lifecycle_policy: Mapping[str, Any] | None = None  # InstanceLifecyclePolicy of the request

    @property
    def zones(self) -> list[str]:
        """Return the zones, in order."""
        return sorted(set(self.subnets.values()))

    def warm_wanted(self) -> int:
        """Return how many instances the warm pool is to have."""
        if self.warm_pool is None or self.warm_pool.deleting or self.deleting:
            return 0
        prepared = self.max if self.warm_pool.prepared < 0 else self.warm_pool.prepared
        return max(prepared - self.desired, self.warm_pool.least)

    def takes_back(self, member: Member) -> bool:
        """Return whether a member that was scaled in goes back to the warm pool (InstanceReusePolicy)."""
        reused = self.warm_pool is not None and self.warm_pool.reuse and not self.deleting
        return reused and member.activity is not None and "shrinking the capacity" in member.activity.cause

    @property
    def retains(self) -> bool:
        """Return whether an instance stays whose termination hook is abandoned."""
        return bool((self.lifecycle_policy or {}).get("RetentionTriggers", {}).get("TerminateHookAbandon") == "retain")

    def runs(self, process: str) -> bool:
        """Return whether a process is not suspended."""
        return process not in self.suspended

    def counted(self) -> list[Member]:
        """Return the members that count towards the desired capacity."""
        return [member for member in self.members.values() if member.counted]

    def in_service(self) -> list[Member]:
        """Return the members in service."""
        return [member for member in self.members.values() if member.lifecycle == "InService"]

    def units(self) -> int:
        """Return the capacity that counts."""
        return sum(member.units for member in self.counted())
