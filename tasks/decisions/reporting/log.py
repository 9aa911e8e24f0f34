"""The log of changing commands: an entry when a run begins, and another when it has ended."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..access.locks import PIDS
from ..release.answers import json_object
from .events import FACTS, Event

CRASHED = "crashed"
_LONGEST = 600  # characters of one text; a parameter holds 4,096 (PutParameter, standard tier)
_LAST = 4e9  # epoch seconds; anything later is no time of a run
_BRACES = re.compile(r"([{}])(?=\1)")
_KINDS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("run", "command", "line", "by", "machine", "outcome", "text"), (str,)),
    **dict.fromkeys(("pid", "code"), (int,)),
    **dict.fromkeys(("began", "ended"), (int, float)),
}


@dataclass(frozen=True)
class Entry:
    """One run of a command, as it was known when the entry was written.

    `machine`: where `pid` is valid, "" where unknown; `began`, `ended`: epoch seconds, `ended` 0 while it runs; `identity`:
    the AWS principal that wrote it, by AWS.
    """

    run: str
    command: str
    line: str
    by: str
    machine: str = ""
    pid: int = 0
    began: float = 0.0
    ended: float = 0.0
    outcome: str = ""
    code: int = 0
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""


def began(event: Event, machine: str, pid: int) -> Entry:
    """Return the entry of a run that begins."""
    return Entry(event.run, event.command, event.line, event.by, machine, pid, began=event.at, facts=event.facts)


def ended(entry: Entry, event: Event) -> Entry:
    """Return the entry of a run that has ended."""
    result = {"outcome": str(event.outcome), "code": event.code or 0, "text": event.text or ""}
    return replace(entry, ended=event.at, facts=event.facts, **result)  # type: ignore[arg-type]


def write(entry: Entry) -> str:
    """Return an entry as a parameter value: a flat object, since PutParameter refuses double braces."""
    plain = {name: value for name, value in asdict(entry).items() if name not in ("facts", "identity")}
    known = {name: text for name, text in entry.facts.items() if name in FACTS}
    cut = {name: value[:_LONGEST] if isinstance(value, str) else value for name, value in {**known, **plain}.items()}
    text = json.dumps(cut, ensure_ascii=False)
    return _BRACES.sub(r"\1 ", text)


def read(text: str, identity: str = "") -> Entry | None:
    """Return the entry of a parameter value, or None where another program wrote it."""
    found = json_object(text)
    if found is None:
        return None
    values: dict[str, Any] = {}
    for name, kinds in _KINDS.items():
        if name in found and (isinstance(found[name], bool) or not isinstance(found[name], kinds)):
            return None
        if kinds == (int, float) and name in found and not 0 <= found[name] <= _LAST:
            return None
        if name == "pid" and not 0 <= found.get(name, 0) <= PIDS:
            return None
        values |= {name: found[name]} if name in found else {}
    required = {each.name for each in fields(Entry)[:4]}
    facts = {name: found[name] for name in FACTS if isinstance(found.get(name), str)}
    return Entry(**values, facts=facts, identity=identity) if required <= set(values) else None


def latest(entries: Sequence[Entry]) -> list[Entry]:
    """Return the last entry of each run, newest run first; `entries` in the order in which they were written."""
    runs: dict[str, Entry] = {}
    for entry in entries:
        # A crash that was found may be followed by the end of a run that was only slow.
        runs[entry.run] = replace(entry, identity=runs[entry.run].identity) if entry.run in runs else entry
    return sorted(runs.values(), key=lambda entry: -entry.began)


def crashed(entries: Sequence[Entry], machine: str, alive: Callable[[int], bool], now: float, longest: float) -> Iterator[Entry]:
    """Yield the runs that never ended and never will: the process is gone, or they are older than any run may be.

    `machine`: ours; `alive` is asked for processes of this machine only; `now`: epoch seconds; `longest`: seconds.
    """
    for entry in latest(entries):
        here = bool(machine) and entry.machine == machine and entry.pid > 0
        if not entry.ended and ((here and not alive(entry.pid)) or now - entry.began > longest):
            yield replace(entry, ended=now, outcome=CRASHED, text="its process is gone; found by a later run")
