"""Snapshots of the database before migrations: which database, under which name, and which is used again."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .image_names import BY, REVISION, SITE

CLUSTER = "cluster:"  # in front of the name of an Aurora cluster, in the settings
# Seconds for which a snapshot of the same revision is used again: a deploy that was killed while it migrated must not replace the
# snapshot from before by one of what it left. Later it is another release of that revision.
_SAME_RELEASE = 86400.0


@dataclass(frozen=True)
class Database:
    """An RDS instance, or an Aurora cluster."""

    name: str
    cluster: bool

    def __str__(self) -> str:
        return f"{'cluster' if self.cluster else 'database'} {self.name}"


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of a database; `created`: epoch seconds, 0 while AWS does not say."""

    name: str
    status: str
    created: float
    tags: Mapping[str, str]


def database_of(setting: str) -> Database:
    """Return the database that a setting names."""
    return Database(setting.removeprefix(CLUSTER), setting.startswith(CLUSTER))


def snapshot_name(database: Database, revision: str, now: float) -> str:
    """Return a name that RDS takes; `now` in epoch seconds."""
    text = f"ramped-{database.name}-{revision[:12]}-{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}"
    return re.sub("-+", "-", text)


def snapshot_tags(site: str, revision: str, by: str) -> dict[str, str]:
    """Return the tags of a snapshot; RDS allows fewer characters than EC2."""
    return {name: re.sub(r"[^\w .:/=+@-]", "_", text)[:256] for name, text in {SITE: site, REVISION: revision, BY: by}.items()}


def to_use_again(snapshots: Sequence[Snapshot], revision: str, now: float) -> Snapshot | None:
    """Return the first snapshot that was begun before the migrations of this release, or None; `now` in epoch seconds."""
    ours = [
        snapshot
        for snapshot in snapshots
        if snapshot.tags.get(REVISION) == revision
        and snapshot.status in ("available", "creating")
        and now - (snapshot.created or now) < _SAME_RELEASE
    ]
    return min(ours, key=lambda snapshot: snapshot.created or now, default=None)
