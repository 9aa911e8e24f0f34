"""The record of a run as tags of the group: what survives a crash, in characters that every tag takes."""

from __future__ import annotations

from collections.abc import Mapping

from .snapshot import Record

MAIN, RETURNING = "ramped:rollout", "ramped:returning"
TAGS = (MAIN, RETURNING)

# Twelve instance ids fit into the 256 characters of a tag.
MOST_RETURNING = 12


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
        "protect": int(record.protect),
        "pointed": int(record.pointed),
        "latest": int(record.latest),
        "back": int(record.back),
        "aborted": int(record.aborted),
        "extra": record.extra,
        "returned": record.returned,
        "passed": record.passed,
    }
    return {MAIN: " ".join(f"{k}={v}" for k, v in fields.items()), RETURNING: " ".join(record.returning)}


def from_tags(tags: Mapping[str, str]) -> Record | None:
    """Return the record that the tags of a group hold, or None.

    Raises ValueError where somebody has edited them.
    """
    if MAIN not in tags:
        return None
    told = dict(part.split("=", 1) for part in tags[MAIN].split())
    try:
        return Record(
            run=told["run"],
            source=told["from"],
            target=told["to"],
            surge=int(told["surge"]),
            maximum=int(told["max"]),
            raised=int(told["raised"]),
            started=float(told["started"]),
            size=int(told["size"]),
            desired=int(told["desired"]),
            suspended=tuple(p for p in told["suspended"].split("+") if p),
            protect=told["protect"] == "1",
            pointed=told["pointed"] == "1",
            latest=told.get("latest") == "1",
            back=told["back"] == "1",
            aborted=told.get("aborted") == "1",
            extra=int(told["extra"]),
            returned=int(told["returned"]),
            passed=int(told.get("passed", "0")),
            returning=tuple(tags.get(RETURNING, "").split()),
        )
    except KeyError as error:
        raise ValueError(f"tag {MAIN}: {error} is missing") from error
