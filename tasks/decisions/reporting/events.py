"""The events of a run, as data: one JSON object each, with a version and a documented schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from .outcomes import OUTCOMES, Outcome

VERSION = 1  # raised when a field changes its meaning or goes; new fields and new events do not raise it

Kind = Literal["run-began", "step-began", "step-ended", "action", "warning", "run-ended", "crashed"]

KINDS: Mapping[Kind, str] = {
    "run-began": "a command begins",
    "step-began": "a step of it begins",
    "step-ended": "a step has ended; `outcome` says how",
    "action": "a rollout changed a group; `text` says how",
    "warning": "a warning was shown; `text` has it",
    "run-ended": "the command has ended; `outcome` and `code` say how, `text` why",
    "crashed": "an earlier run never ended: its process is gone; `run` and the others are those of that run",
}
# Field -> JSON type, meaning, the events that have it (none: all).
FIELDS: Mapping[str, tuple[str, str, tuple[Kind, ...]]] = {
    "version": ("integer", "version of this schema", ()),
    "event": ("string", "which event", ()),
    "at": ("string", "when, in UTC: 2026-01-02T03:04:05.678Z", ()),
    "run": ("string", "id of the run, the same in all of its events", ()),
    "command": ("string", "the command, such as ship", ()),
    "line": ("string", "the command line that does the same again", ()),
    "by": ("string", "user and machine", ()),
    "facts": ("object", "what is known by then; see below", ()),
    "step": ("string", "the step, such as template-version", ("step-began", "step-ended")),
    "number": ("string", "its number in `ship`, or an empty text", ("step-began", "step-ended")),
    "group": ("string", "the Auto Scaling group", ("action",)),
    "text": ("string", "one text for people, secrets masked", ("action", "warning", "run-ended")),
    "outcome": ("string", "how it ended", ("step-ended", "run-ended")),
    "code": ("integer", "the exit code", ("run-ended",)),
    "seconds": ("number", "how long it took", ("step-ended", "run-ended")),
}
# Known facts; each is a text. Hooks get them as RAMPED_… in capitals.
FACTS: Mapping[str, str] = {
    "dry": "yes in a dry run, which changes nothing",
    "groups": "the Auto Scaling groups, with blanks between",
    "revision": "the full sha that is released",
    "instance": "the management instance, or the instance that the step is about",
    "image": "the image of the release",
    "from_versions": "group=number of the template version that each group ran before, with blanks between",
    "snapshot": "the database snapshot that was made before the migrations",
    "waiting": "the migrations that run after the rollout, with blanks between",
    "to_versions": "group=number that each group goes to",
}


@dataclass(frozen=True)
class Event:
    """One event; `at` in epoch seconds. A field that the event does not have is None."""

    event: Kind
    at: float
    run: str
    command: str
    line: str
    by: str
    facts: Mapping[str, str] = field(default_factory=dict)
    step: str | None = None
    number: str | None = None
    group: str | None = None
    text: str | None = None
    outcome: Outcome | None = None
    code: int | None = None
    seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the event as a JSON object, by FIELDS."""
        values = {name: getattr(self, name) for name in FIELDS if name not in ("version", "at")}
        values |= {"version": VERSION, "at": instant(self.at), "facts": dict(self.facts)}
        return {name: values[name] for name in FIELDS if values[name] is not None}


def line(event: Event) -> str:
    """Return the event as one line of JSON."""
    return json.dumps(event.as_json(), ensure_ascii=False)


def instant(at: float) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds; `at` in epoch seconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an event."""
    known: dict[str, Any] = {name: {"type": kind, "description": text} for name, (kind, text, _) in FIELDS.items()}
    known["version"] |= {"const": VERSION}
    known["event"] |= {"enum": list(KINDS)}
    known["outcome"] |= {"enum": list(OUTCOMES)}
    known["facts"] |= {"additionalProperties": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of a run of ramped",
        "type": "object",
        "required": [name for name, (_, _, kinds) in FIELDS.items() if not kinds],
        "properties": known,
        "allOf": [
            {"if": {"properties": {"event": {"const": kind}}}, "then": {"required": own}}
            for kind in KINDS
            if (own := [name for name, (_, _, kinds) in FIELDS.items() if kind in kinds])
        ],
    }
