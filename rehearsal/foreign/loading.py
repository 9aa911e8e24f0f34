"""Take up what `prepare` has made of somebody's repository."""

import json
from collections.abc import Sequence
from pathlib import Path

from ..host_kinds import MACHINES, Kind
from .existing import Existing
from .on_machines import OnMachines
from .prepare import PREPARED, Prepared


def load(top: Path, kind: Kind) -> Existing:
    """Return the project that lies prepared in a folder; `kind`: of its hosts."""
    return (OnMachines if kind is MACHINES else Existing)(top, _prepared(top))


def debian(top: Path) -> Sequence[str]:
    """Return the packages of Debian that the machines of a prepared project need."""
    return _prepared(top).debian


def _prepared(top: Path) -> Prepared:
    return Prepared(**json.loads((top / PREPARED).read_text(encoding="utf-8")))
