"""Commits as `git log` prints them."""

from __future__ import annotations

from dataclasses import dataclass

# Each field ends with NUL, the only character that a name or a subject cannot hold (git-commit-tree(1)).
FORMAT = "%H%x00%cI%x00%an%x00%s%x00"


@dataclass(frozen=True)
class Commit:
    """One commit; `at`: when it was committed, as ISO 8601."""

    sha: str
    at: str
    by: str
    subject: str


def read(printed: str) -> list[Commit]:
    """Return the commits of a log in FORMAT, newest first. Raises ValueError where it is not whole."""
    if "\0" not in printed:
        return []
    *fields, end = printed.split("\0")
    if end.strip("\n") or len(fields) % 4:
        raise ValueError("the log of git is not whole")
    return [Commit(sha.lstrip("\n"), at, by, subject) for sha, at, by, subject in zip(*[iter(fields)] * 4, strict=True)]
