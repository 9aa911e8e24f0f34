"""What a load balancer's health check means for visitors and for instances that boot."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

_LAUNCH = re.compile(r"Launching a new EC2 instance: (i-[0-9a-f]+)")
_END = re.compile(r"Terminating EC2 instance: (i-[0-9a-f]+)")
# The cause that Auto Scaling names for what it replaces ("Verify a scaling activity", health check replacement).
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
    def detects(self) -> int:
        """Return the seconds after which a dead instance gets no more visitors, at most, if it refuses or answers badly."""
        return self.failures * self.interval

    @property
    def recovers(self) -> int:
        """Return the seconds after which one that fell and is well again gets visitors again, at most."""
        return self.successes * self.interval


@dataclass(frozen=True)
class Life:
    """What the activities of a group tell of one instance, in seconds after the beginning of its launch."""

    id: str
    in_service: float | None  # None: not known
    failed: float | None  # when it was replaced for its health checks; None: it was not


class Activity(Protocol):
    """What is read of a scaling activity."""

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
    """Return name, value before and value after of everything that differs."""
    pairs = [(one.name, getattr(before, one.name), getattr(after, one.name)) for one in fields(Check)]
    return [(name, str(old), str(new)) for name, old, new in pairs if old != new]


def lives(activities: Sequence[Activity]) -> list[Life]:
    """Return what is known of each instance whose successful launch is among the activities."""
    ends = {match[1]: one for one in activities if (match := _END.match(one.description)) and _SICK in one.cause}
    found = []
    for one in activities:
        match = _LAUNCH.match(one.description)
        if match and one.status == "Successful":
            ready = one.ended - one.started if one.ended is not None else None
            end = ends.get(match[1])
            found.append(Life(match[1], ready, end.started - one.started if end else None))
    return found


def warnings(check: Check, health_type: str, grace: int, seen: Sequence[Life], booting: Sequence[float] = ()) -> Iterator[str]:
    """Tell where a group would replace instances that merely boot.

    Args: grace: HealthCheckGracePeriod in seconds. seen: the lives of its latest instances. booting: the ages in seconds of
        those in service that are not healthy yet.
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
