"""The record of a run as tags of the group: it survives a crash, in characters that every tag accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .snapshot import Record

MAIN, RETURNING = "ramped:rollout", "ramped:returning"
TAGS = (MAIN, RETURNING)

# Those of a record that hold or do not; a name each, since a tag has room for 256 characters.
_FLAGS = ("protect", "pointed", "latest", "surged", "back", "aborted")

# Both act without us. Never Launch, Terminate or AlarmNotification, whatever a tag says: without scale-out a peak is an outage.
OURS_TO_SUSPEND = ("AZRebalance", "ScheduledActions")

# Twelve instance ids fit into the 256 characters of a tag.
MOST_RETURNING = 12

_VERSION, _COUNT, _TIME = r"[1-9][0-9]{0,9}", r"[0-9]{1,9}", r"[0-9]{1,10}(?:\.[0-9]{1,9})?"
_SUSPENDED = rf"(?:(?:{'|'.join(OURS_TO_SUSPEND)})(?:\+|$))*"


def to_tags(record: Record) -> dict[str, str]:
    """Return the tags that hold a record."""
    fields = {
        "run": record.run,
        "from": record.source,
        "to": record.target,
        "surge": record.surge,
        "max": record.maximum,
        "raised": record.raised,
        "started": int(record.started),
        "size": record.size,
        "desired": record.desired,
        "suspended": "+".join(record.suspended),
        "flags": "+".join(name for name in _FLAGS if getattr(record, name)),
        "extra": record.extra,
        "returned": record.returned,
        "passed": record.passed,
        "lowering": record.lowering,
    }
    return {MAIN: " ".join(f"{k}={v}" for k, v in fields.items()), RETURNING: " ".join(record.returning)}


def from_tags(tags: Mapping[str, str]) -> Record | None:
    """Return the record that the tags of a group hold, or None.

    Raises ValueError where they were edited by hand.
    """
    if MAIN not in tags:
        return None
    fields = dict(part.split("=", 1) for part in tags[MAIN].split())
    try:
        return Record(
            run=fields["run"],
            source=_matching(fields, "from", _VERSION),
            target=_matching(fields, "to", _VERSION),
            surge=_number(fields, "surge"),
            maximum=_number(fields, "max"),
            raised=_number(fields, "raised"),
            started=float(_matching(fields, "started", _TIME)),
            size=_number(fields, "size"),
            desired=_number(fields, "desired"),
            suspended=tuple(p for p in _matching(fields, "suspended", _SUSPENDED).split("+") if p),
            **dict.fromkeys(_FLAGS, False) | dict.fromkeys(_flags(fields), True),
            extra=_number(fields, "extra", f"-?{_COUNT}"),
            returned=_number(fields, "returned"),
            passed=_number({"passed": "0", **fields}, "passed"),
            lowering=_number({"lowering": "0", **fields}, "lowering", f"-?{_COUNT}"),
            returning=tuple(tags.get(RETURNING, "").split()),
        )
    except KeyError as error:
        raise ValueError(f"tag {MAIN}: {error} is missing") from error


def _flags(fields: Mapping[str, str]) -> list[str]:
    # Version 1.0 wrote each as a field of its own.
    given = [name for name in _FLAGS if fields.get(name) == "1"] if "protect" in fields else fields["flags"].split("+")
    return [name for name in _FLAGS if name in given]


def _matching(fields: Mapping[str, str], name: str, pattern: str) -> str:
    if not re.fullmatch(pattern, fields[name]):
        raise ValueError(f"tag {MAIN}: {name} is {fields[name]!r}")
    return fields[name]


def _number(fields: Mapping[str, str], name: str, pattern: str = _COUNT) -> int:
    return int(_matching(fields, name, pattern))
