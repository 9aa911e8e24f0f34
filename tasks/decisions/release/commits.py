"""Commits as `git log` prints them."""

from __future__ import annotations

from dataclasses import dataclass

# Fields end with a unit separator, commits with a record separator: no text of git holds either (ASCII 31 and 30).
FORMAT = "%H%x1f%cI%x1f%an%x1f%s%x1e"


@dataclass(frozen=True)
class Commit:
    """One commit; `at`: when it was committed, as ISO 8601."""

    sha: str
    at: str
    by: str
    subject: str


def read(printed: str) -> list[Commit]:
    """Return the commits of a log in FORMAT, newest first; what is none is left out."""
    parts = (record.strip("\n").split("\x1f") for record in printed.split("\x1e"))
    return [Commit(*fields) for fields in parts if len(fields) == 4]
