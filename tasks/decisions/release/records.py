"""The record of a release: a tag of its image, where every colleague sees it (template versions carry no tags)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

TAG = "ramped:release"
_LONGEST = 256  # characters of a tag's value


@dataclass(frozen=True)
class Released:
    """How an image was last rolled out.

    `by`: the operator; `at`: epoch seconds when it began; `took`: seconds; `source`, `target`: numbers of template versions;
    `run`: the id of the run; `snapshot`: of the database, made by it before the migrations.
    """

    by: str
    at: float
    took: float
    source: str
    target: str
    command: str = ""
    run: str = ""
    snapshot: str = ""

    @property
    def when(self) -> str:
        """Return when it began, in UTC."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.at))


def value(released: Released) -> str:
    """Return the tag's value."""
    fields = {
        "at": int(released.at),
        "took": round(released.took),
        "from": released.source,
        "to": released.target,
        "command": released.command,
        "run": released.run,
        "snapshot": released.snapshot,
        "by": released.by,
    }
    # Last what may be long.
    return " ".join(f"{name}={'_'.join(str(text).split())}" for name, text in fields.items() if text != "")[:_LONGEST]


def read(text: str) -> Released | None:
    """Return the record that a tag holds, or None where it holds none, or was edited by hand."""
    found = dict(part.split("=", 1) for part in text.split() if "=" in part)
    if not re.fullmatch("[0-9]{1,12}", found.get("at", "")) or not re.fullmatch("[0-9]{1,9}", found.get("took", "")):
        return None
    return Released(
        by=found.get("by", ""),
        at=float(found["at"]),
        took=float(found["took"]),
        source=found.get("from", ""),
        target=found.get("to", ""),
        command=found.get("command", ""),
        run=found.get("run", ""),
        snapshot=found.get("snapshot", ""),
    )
