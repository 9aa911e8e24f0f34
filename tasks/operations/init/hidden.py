"""Files of ours that the project's .gitignore hides: they would never get to the hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath as Path

from .repository import Repository, git

_CHILD = ".ramped-child"  # a name that only a pattern of its whole folder matches


def about_hidden(found: Repository, names: Iterable[str], roots: Iterable[str]) -> Iterator[str]:
    """Yield what is left to do about files that git ignores: the place of the pattern, and the line that mends it.

    `roots`: folders in which everything is ours.
    """
    ours = sorted(names)
    patterns = _matched(found, ours)
    hidden: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name in patterns:
        hidden.setdefault((patterns[name][0], _lines(found, name, list(roots))), []).append(name)
    for (place, lines), files in hidden.items():
        more = f" and {len(files) - 1} more files" if files[1:] else ""
        line = f"{place} hides {files[0]}{more}, which every host needs: add to .gitignore, below it: {'  '.join(lines)}"
        yield ascii(line)[1:-1]  # names and patterns of others may hold anything


def _lines(found: Repository, name: str, roots: list[str]) -> tuple[str, ...]:
    """Return the lines that show a file: git shows nothing in a folder that is itself ignored (gitignore(5))."""
    for folder in [str(parent) for parent in Path(name).parents][-2::-1]:
        _, pattern = _matched(found, [f"{folder}/{_CHILD}"]).get(f"{folder}/{_CHILD}", ("", ""))
        if pattern.rstrip("/").endswith("*"):
            # It matches what is in the folder: only in ours everything may be shown.
            if folder in roots:
                return (f"!/{folder}/", f"!/{folder}/**")
        elif pattern:
            return (f"!/{folder}/",)
    return (f"!/{name}",)


def _matched(found: Repository, names: list[str]) -> dict[str, tuple[str, str]]:
    """Return file and line of the pattern that ignores a name, and the pattern."""
    asked = git(found.top, "check-ignore", "--verbose", "-z", "--stdin", given="".join(f"{name}\0" for name in names))
    parts = asked.stdout.split("\0")
    rows = zip(parts[::4], parts[1::4], parts[2::4], parts[3::4], strict=False)
    # A pattern that begins with ! shows what another has hidden.
    return {name: (f"{file}:{line} ({pattern})", pattern) for file, line, pattern, name in rows if not pattern.startswith("!")}
