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
        """The message's lines, each with time and program in front."""
        return [f"{self.time} {self.program}: {line}" for line in self.message.splitlines() or [""]]


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
