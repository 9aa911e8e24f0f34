"""Entries of a host's journal, as `journalctl --output=json` prints them.

Source: systemd, "Journal JSON Format".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..release.answers import json_object

_MICROSECONDS = re.compile(r"[0-9]{1,16}")  # until the year 2286
# A time with which gunicorn, Python's logging and others begin a line: with or without brackets, fraction and zone.
_STAMP = re.compile(
    r"(\[)?(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)([.,]\d{1,9})?(?: ?(Z|UTC|[+-]\d\d:?[0-5]\d))?(?(1)\]):? +(?=\S)", re.ASCII
)
_QUARTER = 900  # seconds: the zones of the world lie a multiple of that from UTC,
_ZONES = (-12 * 3600, 14 * 3600)  # between these
_NEAR = 2  # seconds between what a program writes and what the journal notes
FIELDS = ("MESSAGE", "SYSLOG_IDENTIFIER", "_PID", "_SYSTEMD_UNIT")


@dataclass(frozen=True)
class Entry:
    """An entry: microseconds since the epoch, the program with its process id, the unit, the message."""

    at: int
    program: str
    unit: str
    message: str

    @property
    def time(self) -> str:
        """The time in UTC, to the millisecond."""
        moment = datetime.fromtimestamp(self.at / 1e6, UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"

    @property
    def lines(self) -> list[str]:
        """The message's lines, each with time and program in front; the same time once more at their begin is left out."""
        return [f"{self.time} {self.program}: {self._without_time(line)}" for line in self.message.splitlines() or [""]]

    def _without_time(self, line: str) -> str:
        """Return a line without the journal's own time in front, in whatever zone it is written."""
        found = _STAMP.match(line)
        if found is None:
            return line
        try:
            written = datetime.fromisoformat(found[2]).replace(tzinfo=UTC).timestamp()
        except ValueError:
            return line
        same = _is_same(written - self.at / 1e6, found[4], exact=bool(found[3]))
        return line[found.end() :] if same else line


def _is_same(apart: float, zone: str | None, *, exact: bool) -> bool:
    """Return whether a time is the journal's own.

    `apart`: seconds, of the time as if it were of UTC; `zone`: as written; `exact`: whether it has a fraction of a second.
    Without a zone only an exact time may be of any zone: one to the second may be what the line is about, as a time that is due.
    """
    if zone or not exact:
        return abs(apart - _offset(zone or "Z")) <= _NEAR
    offset = round(apart / _QUARTER) * _QUARTER
    return abs(apart - offset) <= _NEAR and _ZONES[0] <= offset <= _ZONES[1]


def _offset(zone: str) -> float:
    """Return the seconds of a zone east of UTC."""
    if zone in ("Z", "UTC"):
        return 0.0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (hours * 3600 + minutes * 60) * (-1 if zone[0] == "-" else 1)


def read(line: str) -> Entry | None:
    """Read a line of `journalctl`; None for a line that is no entry, such as a complaint."""
    fields = json_object(line)
    at = str(fields.get("__REALTIME_TIMESTAMP", "")) if fields else ""
    if fields is None or not _MICROSECONDS.fullmatch(at):
        return None
    # Any process may name itself by several lines.
    name, pid, unit = (" ".join(_text(fields, field).split()) for field in ("SYSLOG_IDENTIFIER", "_PID", "_SYSTEMD_UNIT"))
    return Entry(int(at), f"{name or '-'}[{pid}]" if pid else name or "-", unit, _text(fields, "MESSAGE"))


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    if isinstance(value, list):
        # A field with control characters comes as its bytes; one that occurs several times as a list of values.
        try:
            return bytes(value).decode(errors="replace")
        except (TypeError, ValueError):
            return "\n".join(str(one) for one in value)
    return "(too long for the journal's JSON)" if value is None else str(value)
