"""What goes wrong on demand."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError
from .values import fill

# EC2 names the same refusals differently from the other services
THROTTLED = {"ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503)}
EXPIRED = {
    "ec2": ("RequestExpired", "Request has expired.", 400),
    "ssm": ("ExpiredTokenException", "The token has expired.", 400),
}
DENIED = {"ec2": "UnauthorizedOperation", "ssm": "AccessDeniedException"}


@dataclass
class Faults:
    """The faults in force, changed at run time through the control endpoint."""

    throttle: float = 0.0  # share of the calls that are refused
    throttle_actions: list[str] = field(default_factory=list)  # only these; empty: all
    no_capacity: int = 0  # number of launches that fail; -1: all
    no_capacity_zones: list[str] = field(default_factory=list)  # only there; empty: everywhere
    no_capacity_types: list[str] = field(default_factory=list)  # only of these instance types; empty: of all
    lost_answers: dict[str, int] = field(default_factory=dict)  # action -> number of its answers that get lost
    denied: list[str] = field(default_factory=list)  # actions without permission
    expired: bool = False  # the credentials are no longer valid
    images: dict[str, str] = field(default_factory=dict)  # image id -> error | dead
    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def injected_error(self, service: str, action: str) -> ApiError | None:
        """Return the error that a call gets before it is processed, or None."""
        if self.expired:
            return ApiError(*EXPIRED.get(service, ("ExpiredToken", "The security token included in the request is expired", 403)))
        if action in self.denied:
            message = f"User: rehearsal is not authorized to perform: {service}:{action}"
            return ApiError(DENIED.get(service, "AccessDenied"), message, 403)
        if (not self.throttle_actions or action in self.throttle_actions) and self._random.random() < self.throttle:
            return ApiError(*THROTTLED.get(service, ("Throttling", "Rate exceeded", 400)))
        return None

    def loses_answer(self, action: str) -> bool:
        """Return whether the answer of this call gets lost, and count it."""
        left = self.lost_answers.get(action, 0)
        if left > 0:
            self.lost_answers[action] = left - 1
        return left != 0

    def check_capacity(self, zone: str, instance_type: str) -> None:
        """Raise InsufficientInstanceCapacity where the zone has none left, and count it."""
        there = not self.no_capacity_zones or zone in self.no_capacity_zones
        of_type = not self.no_capacity_types or instance_type in self.no_capacity_types
        if not (self.no_capacity and there and of_type):
            return
        if self.no_capacity > 0:
            self.no_capacity -= 1
        raise ApiError(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone}). "
            "Our system will be working on provisioning additional capacity.",
            500,
        )

    def change(self, values: Mapping[str, Any]) -> None:
        """Set some faults. Raises ValueError for an unknown fault, and for a wrong value."""
        fill(self, values, "fault")
        if "seed" in values:
            self._random = random.Random(self.seed)

    def report(self) -> dict[str, Any]:
        """Return the faults in force."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
