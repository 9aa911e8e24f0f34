"""Everything about a stand-in cloud that can be chosen, before it starts or while it runs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .values import fill


@dataclass
class Options:
    """Choose delays and behaviour.

    Durations that AWS itself takes as a parameter (intervals, delays, grace, heartbeats, warm-up) or fixes are in AWS seconds and
    multiplied by `time_scale`. The delays of this class without "AWS" in their comment are real seconds.

    The defaults are AWS at its kindest, where it may behave in several ways.
    """

    time_scale: float = 1.0
    boot: float = 0.2  # from pending to running
    power_on: float = 0.0  # from running, of an instance that was stopped, to the begin of its boot: SSH refuses so long
    stop: float = 0.1  # from stopping to stopped
    terminate: float = 0.1  # from shutting-down to terminated
    image: float = 0.5  # from pending to available
    image_not_found: float = 0.1  # DescribeImages knows nothing of a new image for so long
    database_snapshot: float = 0.5  # from creating to available, or failed
    database_snapshots_fail: bool = False
    invalidation: float = 0.5  # from InProgress to Completed
    tick: float = 0.05  # the control loops take a turn this often
    check_timeout_floor: float = 1.0  # the minimal timeout of a health check, however small time_scale is
    routing_lag: float = 1.0  # AWS seconds for which a deregistered target may still get new requests
    launch_retry: float = 15.0  # AWS seconds between a failed launch and the next try
    replace_deregistered: bool = False  # AWS does not document it: a target deregistered by hand has its instance replaced
    replace_never_healthy: bool = False  # an ELB health check counts before a target was healthy for the first time
    console_posted: float = 0.0  # AWS seconds from a start, stop or reboot to the console that is shown without Latest; 0: live
    console_kept: float = 0.0  # AWS seconds for which it is shown then; 0: for ever
    console_noise: float = 0.0  # share of the instances on whose console a kernel message cuts the lines of host keys
    connect_unavailable: float = 0.0  # AWS seconds from its launch or start for which EC2 Instance Connect refuses an instance
    read_lag: float = 0.0  # AWS seconds at most by which EC2's answers are behind what was written
    group_tag_lag: float = 0.0  # the same for the tags of Auto Scaling groups
    vcpu_limit: int = 0  # the quota of the account; 0: none
    zones_without_type: dict[str, list[str]] = field(default_factory=dict)  # instance type -> zones that do not offer it
    full_subnets: list[str] = field(default_factory=list)  # ids of subnets without a free address
    dies_at_launch: dict[str, str] = field(default_factory=dict)  # image -> StateReason (Client.InternalError) of its instances
    warm_pool_takes: str = "oldest"  # which instance of a warm pool comes first: oldest | newest | any
    terminate_many: bool = True  # TerminateInstanceInAutoScalingGroup takes several ids; a region may not know that yet
    shuffle_rules: bool = False  # a listener rule's conditions and values are shown in an order of AWS's own
    parameter_rest: float = 0.0  # AWS seconds after its deletion for which a parameter's name cannot be taken (AWS: 30)
    parameter_collisions: float = 0.0  # share of the changes of parameters that are refused as TooManyUpdates
    seed: int = 0
    region: str = "eu-central-1"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Options":
        """Make options of parsed JSON. Raises ValueError, naming an option that does not exist."""
        options = cls()
        options.change(values)
        return options

    def change(self, values: Mapping[str, Any]) -> None:
        """Set some options of a cloud that may be running. Raises ValueError for an unknown option, and for a wrong value."""
        fill(self, values, "option")

    def report(self) -> dict[str, Any]:
        """Return the options in force."""
        return asdict(self)
