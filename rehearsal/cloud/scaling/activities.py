"""The record of launches and terminations, in AWS's own words."""

import json
import uuid

from ..timing import Timing
from .state import Activity, Group, Member

ENDED = ("Successful", "Failed", "Cancelled")


class Activities:
    """Begin and end activities of groups; the newest stands first."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing

    def begin(self, group: Group, description: str, cause: str, zone: str = "", status: str = "InProgress") -> Activity:
        """Record that something begins, and why."""
        now = self._timing.now()
        details = json.dumps({"Availability Zone": zone}) if zone else "{}"
        activity = Activity(
            str(uuid.uuid4()), group.name, description, f"At {self._timing.text(now)} {cause}", now, details, status
        )
        group.activities.insert(0, activity)
        return activity

    def end(self, activity: Activity | None, status: str = "Successful", message: str = "") -> None:
        """Record how it ended; an ended activity is unchanged."""
        if activity is None or activity.status in ENDED:
            return
        activity.status = status
        activity.message = message
        activity.progress = 100
        activity.ended = self._timing.now()
        if message:
            activity.description = f"{activity.description}.  Status Reason: {message}"

    def mark(self, member: Member, status: str, progress: int) -> None:
        """Record how far the activity of a member is."""
        if member.activity and member.activity.status not in ENDED:
            member.activity.status = status
            member.activity.progress = progress


def running(group: Group) -> list[Activity]:
    """Return the activities that have not ended."""
    return [activity for activity in group.activities if activity.status not in ENDED]
