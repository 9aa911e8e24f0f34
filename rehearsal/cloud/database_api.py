"""RDS where moto is kinder: a snapshot of a database is `creating` for a while, and may fail.

Sources: the RDS API reference, CreateDBSnapshot, CreateDBClusterSnapshot; "Creating a DB snapshot" (RDS user guide).
"""

import re
from collections.abc import Mapping
from typing import Any

from .errors import ApiError
from .moto_state import MotoState
from .options import Options
from .timing import Timing

Params = Mapping[str, Any]
# CreateDBSnapshot: a letter first, letters, digits and hyphens, never two of them, none at the end.
_NAME = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{0,254}(?<!-)")


class DatabaseApi:
    """Create snapshots of instances and clusters that moto holds."""

    def __init__(self, moto: MotoState, options: Options, timing: Timing) -> None:
        self._moto = moto
        self._options = options
        self._timing = timing
        self._creating: dict[int, tuple[Any, float]] = {}
        self.actions = {"CreateDBSnapshot": self.create, "CreateDBClusterSnapshot": self.create_cluster}

    def create(self, params: Params) -> Any:
        """Begin a snapshot of an instance."""
        name = self._named(params["DBSnapshotIdentifier"])
        made = self._moto.rds.create_db_snapshot(params["DBInstanceIdentifier"], name, tags=list(params.get("Tags") or ()))
        return {"DBSnapshot": self._begun(made)}

    def create_cluster(self, params: Params) -> Any:
        """Begin a snapshot of a cluster."""
        name = self._named(params["DBClusterSnapshotIdentifier"])
        tags = list(params.get("Tags") or ())
        made = self._moto.rds.create_db_cluster_snapshot(params["DBClusterIdentifier"], name, tags=tags)
        return {"DBClusterSnapshot": self._begun(made)}

    def tick(self, now: float) -> None:
        """End the snapshots that have taken their time."""
        for key, (snapshot, due) in list(self._creating.items()):
            if now >= due:
                snapshot.status = "failed" if self._options.database_snapshots_fail else "available"
                del self._creating[key]

    def _named(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ApiError("InvalidParameterValue", f"The parameter DBSnapshotIdentifier is not a valid identifier: {name}")
        return name

    def _begun(self, snapshot: Any) -> Any:
        snapshot.status = "creating"
        self._creating[id(snapshot)] = (snapshot, self._timing.now() + self._options.database_snapshot)
        return snapshot
