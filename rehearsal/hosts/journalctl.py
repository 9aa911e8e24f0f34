"""The init's side of `journalctl`: what units printed, as text or as entries in JSON.

A unit's output is a file without times. The time of a line is the one with which it begins, as the init and gunicorn write it;
else that of the line before. Sources: journalctl(1), systemd.time(7), "Journal JSON Format".
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

MODELLED = "-u, -n, --since, --grep, --output=json, --output-fields, --all, --no-pager"
_BY_GUNICORN = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\] (?:\[(\d+)\] )?")
_BY_INIT = re.compile(r"([A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d) \S+ (\w+)\[(\d+)\]: ")
_AGO = re.compile(r"(\d+) ?(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?) ago")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Unmodelled(Exception):
    """Say what of a command line is not modelled."""


@dataclass(frozen=True)
class Line:
    """A line of a unit's output."""

    at: datetime
    unit: str
    program: str
    pid: str
    text: str

    @property
    def message(self) -> str:
        """The text without what the init writes in front, which are fields of their own in the journal."""
        return _BY_INIT.sub("", self.text, count=1)

    def entry(self) -> str:
        """Return it as an entry in JSON."""
        fields = {
            "__REALTIME_TIMESTAMP": str(int(self.at.timestamp() * 1e6)),
            "_SYSTEMD_UNIT": self.unit,
            "SYSLOG_IDENTIFIER": self.program,
            "_PID": self.pid,
            "MESSAGE": self.message,
        }
        return json.dumps({name: value for name, value in fields.items() if value}) + "\n"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Unmodelled(message)


def answer(argv: Sequence[str], journal: Path, now: datetime) -> tuple[str, int]:
    """Return what is printed, and the exit code; `journal`: the folder with a file for each unit. Raises Unmodelled."""
    asked = _asked(argv)
    names = [name if "." in name else f"{name}.service" for name in asked.unit]
    since = _since(asked.since, now) if asked.since else None
    found = [line for name in names for line in lines(journal / name, name, now) if since is None or line.at >= since]
    if asked.grep is not None:
        pattern = _pattern(asked.grep)
        found = [line for line in found if pattern.search(line.message)]
    found.sort(key=lambda line: line.at)
    if asked.lines is not None:
        found = found[-asked.lines :] if asked.lines else []
    if asked.output == "json":
        return "".join(line.entry() for line in found), 1 if asked.grep is not None and not found else 0
    return "".join(f"{line.text}\n" for line in found) or "-- No entries --\n", 0


def _pattern(text: str) -> re.Pattern[str]:
    try:
        # journalctl(1), --grep: without capitals case is ignored.
        return re.compile(text, 0 if re.search("[A-Z]", text) else re.I)
    except re.error as error:
        raise Unmodelled(f"--grep={text}: {error}") from error


def _asked(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("-u", "--unit", action="append", default=[])
    parser.add_argument("-n", "--lines", type=int)
    for option in ("--since", "--grep", "--output-fields"):
        parser.add_argument(option)
    parser.add_argument("--output", choices=("json", "short"), default="short")
    for option in ("--all", "--no-pager"):
        parser.add_argument(option, action="store_true")
    asked, more = parser.parse_known_args(list(argv))
    if more:
        raise Unmodelled(f"{more[0]} is not modelled by the rehearsal; modelled: {MODELLED}")
    if not asked.unit:
        raise Unmodelled("the rehearsal has the journals of units only: name one with -u")
    if asked.lines is None and asked.output == "short":
        asked.lines = 10
    return asked


def _since(text: str, now: datetime) -> datetime:
    if match := _AGO.fullmatch(text):
        return now - timedelta(seconds=int(match[1]) * _SECONDS[match[2][0]])
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Unmodelled(f"--since={text} is not modelled by the rehearsal; modelled: 10 min ago, 2026-01-02 03:04") from None


def lines(path: Path, unit: str, now: datetime) -> Iterator[Line]:
    """Yield what a unit has printed, in order; `now`: the init writes no year."""
    at = datetime.fromtimestamp(0, UTC)
    for text in path.read_text(errors="replace").splitlines() if path.is_file() else ():
        program, pid = unit.partition(".")[0], ""
        if match := _BY_GUNICORN.match(text):
            at, pid = datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S %z"), match[2] or ""
        elif match := _BY_INIT.match(text):
            at = datetime.strptime(f"{now.year} {match[1]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            at = at.replace(year=now.year - 1) if at > now + timedelta(days=1) else at
            program, pid = match[2], match[3]
        yield Line(at, unit, program, pid, text)
