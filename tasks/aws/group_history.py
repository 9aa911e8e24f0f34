"""What the activities of a group say about its instances: which it launched, which launches failed, how instances ended."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..decisions.rollout.snapshot import Fleet
from ..runtime.cloud import Cloud
from . import autoscaling, instances
from .autoscaling import Activity

# An instance launched "into warm pool" is not in the group.
_LAUNCH = re.compile(r"Launching a new EC2 instance(?! into warm pool)(?: from warm pool)?(?:: (i-[0-9a-f]+))?")
_END = re.compile(r"Terminating EC2 instance: (i-[0-9a-f]+)")
# Ends that say nothing about the version: scale-in, termination by a user, a Spot instance at risk.
_EXCUSES = (
    "shrinking the capacity",
    "taken out of service in response to a user request",
    "Client.UserInitiatedShutdown",
    "rebalance recommendation",
)
# An end that EC2 found: Spot interruptions are among these, and only the instance's own state says so.
_DIED = "terminated or stopped"
_REQUESTED = "in response to a user request"


@dataclass(frozen=True)
class GroupHistory:
    """Ids of instances by what happened to them; `times`: when the launches began that were read, in epoch seconds."""

    launched: frozenset[str] = frozenset()
    times: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    excused: frozenset[str] = frozenset()
    died: frozenset[str] = frozenset()
    requested: frozenset[str] = frozenset()


def of_fleet(known: Fleet) -> GroupHistory:
    """Return what an earlier look has read, where nothing has happened since."""
    return GroupHistory(known.launched, failures=known.failures, died=known.died, requested=known.requested)


def read_history(cloud: Cloud, name: str, since: float, seen: Fleet | None, failing_since: float) -> GroupHistory:
    """Read the activities of a group since a time in epoch seconds.

    `seen`: the previous fleet, whose dead are known. `failing_since`: epoch seconds from which failed launches count.
    """
    done = autoscaling.activities(cloud, name, since)
    times = _launches(done)
    # Of several ends the newest counts: an instance may be reused by way of the warm pool.
    ends = {m[1]: a for a in sorted(done, key=lambda a: a.started) if (m := _END.match(a.description))}
    died = [id for id, a in ends.items() if _DIED in a.cause and not (seen and id in seen.died)]
    interrupted = instances.interrupted(cloud, died) if died else set()
    excused = frozenset(id for id, a in ends.items() if _excused(a.cause + a.message) or id in interrupted)
    return GroupHistory(
        launched=frozenset(times),
        times=times,
        failures=_failures(done, excused, failing_since),
        excused=excused,
        died=frozenset(id for id, a in ends.items() if a.cause and _REQUESTED not in a.cause),
        requested=frozenset(m[1] for a in done if _REQUESTED in a.cause and (m := _END.match(a.description))),
    )


def _launches(activities: Sequence[Activity]) -> dict[str, float]:
    found = {}
    for activity in activities:
        match = _LAUNCH.match(activity.description)
        if match and match[1] and not (activity.failed and activity.message):
            found[match[1]] = activity.started
    return found


def _failures(activities: Sequence[Activity], excused: frozenset[str], since: float) -> tuple[str, ...]:
    """Return why launches failed. A launch that ended without a message is counted with its instance."""
    found = []
    for activity in (a for a in activities if a.started >= since):
        match = _LAUNCH.match(activity.description)
        if (
            match
            and activity.failed
            and not _excused(activity.message)
            and match[1] not in excused
            and (activity.message or not match[1])
        ):
            found.append(activity.message or activity.description)
    return tuple(found)


def _excused(text: str) -> bool:
    return any(excuse in text for excuse in _EXCUSES)
