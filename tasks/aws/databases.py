"""RDS: snapshots of an instance or a cluster, made and looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ..decisions.release.snapshots import Database, Snapshot
from ..errors import Refused
from ..runtime.cloud import Cloud, error_code

_UNKNOWN = ("DBInstanceNotFound", "DBInstanceNotFoundFault", "DBClusterNotFoundFault")


def create(cloud: Cloud, database: Database, name: str, tags: Mapping[str, str]) -> None:
    """Begin a manual snapshot. Raises Refused where there is no such database, or it is not available."""
    rds, kind = cloud.client("rds"), "Cluster" if database.cluster else "Instance"
    asked: dict[str, Any] = {
        f"DB{kind}Identifier": database.name,
        f"DB{'Cluster' if database.cluster else ''}SnapshotIdentifier": name,
        "Tags": [{"Key": key, "Value": text} for key, text in tags.items()],
    }
    try:
        (rds.create_db_cluster_snapshot if database.cluster else rds.create_db_snapshot)(**asked)
    except ClientError as error:
        if error_code(error) in _UNKNOWN:
            raise Refused(f"database.snapshot: there is no {database} in {rds.meta.region_name}") from error
        if error_code(error).startswith(("InvalidDBInstanceState", "InvalidDBClusterStateFault")):
            raise Refused(f"{database} cannot be snapshotted now: {error}: run the same again later") from error
        raise


def snapshots(cloud: Cloud, database: Database) -> list[Snapshot]:
    """Return the manual snapshots of a database."""
    rds = cloud.client("rds")
    if database.cluster:
        pages = rds.get_paginator("describe_db_cluster_snapshots").paginate(
            DBClusterIdentifier=database.name, SnapshotType="manual"
        )
        return [_snapshot(shown, "DBClusterSnapshotIdentifier") for page in pages for shown in page["DBClusterSnapshots"]]
    pages = rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=database.name, SnapshotType="manual")
    return [_snapshot(shown, "DBSnapshotIdentifier") for page in pages for shown in page["DBSnapshots"]]


def _snapshot(shown: Mapping[str, Any], name: str) -> Snapshot:
    created = shown.get("SnapshotCreateTime")
    return Snapshot(
        name=shown[name],
        status=shown.get("Status", ""),
        created=created.timestamp() if created else 0.0,
        tags={tag["Key"]: tag["Value"] for tag in shown.get("TagList", [])},
    )
