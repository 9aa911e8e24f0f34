"""What a load balancer's health check means for visitors and for booting instances."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

_LAUNCH = re.compile(r"Launching a new EC2 instance: (i-[0-9a-f]+)")
_END = re.compile(r"Terminating EC2 instance: (i-[0-9a-f]+)")
# The cause of a health check replacement in Auto Scaling ("Verify a scaling activity").
_SICK = "ELB system health check failure"


@dataclass(frozen=True)
class Check:
    """The health check of a target group; interval and timeout in seconds, failures and successes in a row."""

    protocol: str
    port: str
    path: str
    codes: str
    interval: int
    timeout: int
    failures: int
    successes: int

    @property
    def forgiven(self) -> int:
        """Return the seconds of silence after which a target may be unhealthy (Elastic Load Balancing, "Health checks")."""
        return (self.failures - 1) * self.interval + self.timeout

    @property
    def detects(self) -> int:
        """Return the seconds until a dead instance gets no more traffic, at most, if it refuses or answers badly."""
        return self.failures * self.interval

    @property
    def recovers(self) -> int:
        """Return the seconds until a recovered instance gets traffic again, at most."""
        return self.successes * self.interval


@dataclass(frozen=True)
class Life:
    """The history of one instance from the activities of its group, in seconds after its launch began."""

    id: str
    in_service: float | None  # None: not known
    failed: float | None  # when it was replaced for failed health checks; None: it was not


class Activity(Protocol):
    """The fields of a scaling activity that are read."""

    @property
    def started(self) -> float: ...  # noqa: D102
    @property
    def ended(self) -> float | None: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def description(self) -> str: ...  # noqa: D102
    @property
    def cause(self) -> str: ...  # noqa: D102


def changes(before: Check, after: Check) -> list[tuple[str, str, str]]:
    """Return name, old and new value of each field that differs."""
    pairs = [(field.name, getattr(before, field.name), getattr(after, field.name)) for field in fields(Check)]
    return [(name, str(old), str(new)) for name, old, new in pairs if old != new]


def lives(activities: Sequence[Activity]) -> list[Life]:
    """Return the life of each instance whose successful launch is among the activities."""
    ends = {
        match[1]: activity for activity in activities if (match := _END.match(activity.description)) and _SICK in activity.cause
    }
    found = []
    for activity in activities:
        match = _LAUNCH.match(activity.description)
        if match and activity.status == "Successful":
            ready = activity.ended - activity.started if activity.ended is not None else None
            end = ends.get(match[1])
            found.append(Life(match[1], ready, end.started - activity.started if end else None))
    return found


def warnings(check: Check, health_type: str, grace: int, seen: Sequence[Life], booting: Sequence[float] = ()) -> Iterator[str]:
    """Yield warnings where a group would replace instances that are still booting.

    Args: grace: HealthCheckGracePeriod in seconds. seen: the lives of its latest instances. booting: the ages in seconds of those
        in service that are not healthy yet.
    Source: "Health checks for instances in an Auto Scaling group": the group acts on an instance that is unhealthy once it is in
        service for longer than the grace period.
    """
    if "ELB" not in health_type:
        return
    bound = max(grace, check.detects)
    early = [
        life for life in seen if life.failed is not None and life.failed - (life.in_service or 0) <= bound + 2 * check.detects
    ]
    if early:
        ages = ", ".join(f"{life.id} after {life.failed:.0f} s" for life in early[:5])
        yield f"{len(early)} were replaced soon after their launch, for failed health checks: {ages}. Were they still booting?"
    slow = max((age for age in (*(life.in_service for life in seen), *booting) if age is not None), default=0.0)
    if slow > bound:
        yield (
            f"booting has taken {slow:.0f} s, and after {bound} s in service an instance that does not answer is replaced: "
            f"set HealthCheckGracePeriod to {_rounded(2 * slow)} or more"
        )
    elif grace < check.detects:
        yield (
            f"HealthCheckGracePeriod is {grace} s: an instance that needs more than {check.detects} s from in service to its "
            "first good answer is replaced while it boots"
        )


def _rounded(seconds: float) -> int:
    return -(-int(seconds) // 30) * 30
