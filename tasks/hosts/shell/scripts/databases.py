"""Print the settings module and the databases of a site, without users and passwords; in `manage.py shell -c`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any


def main(mark: str) -> None:
    """Print a marked line of JSON."""
    print("\n" + mark + json.dumps(facts()), flush=True)


def facts() -> dict[str, Any]:
    """Return the settings module and the databases by their aliases."""
    from django.conf import settings
    from django.db import connections

    databases = {alias: described(values) for alias, values in connections.settings.items()}
    return {"settings": str(getattr(settings, "SETTINGS_MODULE", "")), "databases": databases}


def described(database: Mapping[str, Any]) -> str:
    """Name a database; where a relative path leads depends on the folder."""
    engine, name = str(database.get("ENGINE", "")).rpartition(".")[2], str(database.get("NAME") or "")
    if "sqlite" in engine or "spatialite" in engine:
        return f"{engine} {name if name.startswith((':memory:', 'file:')) else os.path.realpath(name)}"
    where = ":".join(str(database[key]) for key in ("HOST", "PORT") if database.get(key))
    return f"{engine} {name}" + (f" at {where}" if where else "")
