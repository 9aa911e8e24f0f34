"""Every tag of ours, each with one meaning; no tag of a user may begin with `ramped:`."""

from ..decisions.release.durations import TAG as TOOK
from ..decisions.release.image_cleaning import CLEAN
from ..decisions.release.image_names import AT, BY, REVISION, SITE
from ..decisions.release.image_pruning import RETIRED
from ..decisions.release.records import TAG as RELEASE
from ..decisions.release.stages import OUTDATED, WAITING
from ..decisions.rollout.outcomes import TAG as OUTCOME
from ..decisions.rollout.record import MAIN as ROLLOUT
from ..decisions.rollout.record import RETURNING
from ..decisions.rollout.schedules import TAG as SCHEDULED

# On an instance.
ROLE = "ramped:role"  # "management" (or the tag that management.tag names), "smoke" for a smoke boot
GROUP = "ramped:group"  # the group for which a smoke instance was booted
HOST_KEY = "ramped:host-key"  # the fingerprint of the SSH host key that its console confirmed
DRAINED = "ramped:drained"  # the command that deregistered it from its target groups and has not registered it again yet

# AWS's own, which no caller can set: what instances were launched from.
TEMPLATE = "aws:ec2launchtemplate:id"
MEMBER = "aws:autoscaling:groupName"

# On a listener rule; and, without the groups, on an Auto Scaling group: since when and by whom the page is shown.
MAINTENANCE = "ramped:maintenance"  # page or bypass
GROUPS = "ramped:groups"  # the groups that the rule protects, with a colon between them

__all__ = [
    "AT",  # of an image and its snapshots: when it was created
    "BY",  # and by whom
    "CLEAN",  # yes, or no where nothing was cleaned: its bake was completed
    "DRAINED",
    "GROUP",
    "GROUPS",
    "HOST_KEY",
    "MAINTENANCE",
    "OUTDATED",  # of an image: its code needs what `contract` takes out of the database; by which revision's migrations
    "OUTCOME",  # of an image: the outcome of the release, and when
    "RELEASE",  # of an image: its last rollout: by whom, when, how long, between which versions
    "RETIRED",  # of an image: prune-images is removing it, since when; nothing may begin to use it
    "RETURNING",  # of a group: instances that its rollout puts back into service
    "REVISION",  # of an instance: verified there by a deploy; of an image: contained in it
    "ROLE",
    "ROLLOUT",  # of a group: the record of its unfinished rollout
    "SCHEDULED",  # of a group: its sizes before its rollout, and the scheduled actions that fall into that
    "SITE",  # of an image and its snapshots: image.name, which identifies the images of a site
    "TOOK",  # of an image: how long the parts of its release took, in seconds
    "WAITING",  # of the management instance: migrations that wait for `contract`; of an image: those that its code does without
    "TEMPLATE",
    "MEMBER",
]
