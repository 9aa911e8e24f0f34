"""Files of ours in a project that were changed there: what the installed version has anew is merged into them."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...errors import DeployError

_CONFLICTS = 127  # git-merge-file(1): more means an error


@dataclass(frozen=True)
class Merged:
    """What becomes of a text: `text` is None where it stays as it is; `left` says what is left to do by hand."""

    text: str | None
    says: str
    left: str = ""


def merge(name: str, current: str | None, base: str | None, new: str) -> Merged:
    """Decide about one text of ours.

    Args: name: for messages. current: what the project has. base: what `init` wrote last. new: of the installed version.
    Raises DeployError where git fails.
    """
    if current is None:
        return Merged(None, "removed by hand, stays so") if base is not None else Merged(new, "new")
    if current == new or base == new:
        return Merged(None, "unchanged" if current == new else "changed by hand, kept")
    if current == base:
        return Merged(new, "updated")
    if base is None:
        return Merged(None, "exists, kept", f"{name}: was there before `init`, and differs from ours: compare, or rename it")
    text, conflicts = _merge_file(current, base, new)
    if conflicts:
        return Merged(
            None, "kept", f"{name}: changed by hand where the installed version changed too ({conflicts} places): merge it"
        )
    return Merged(text, "updated, with your changes")


def _merge_file(current: str, base: str, new: str) -> tuple[str, int]:
    """Return the merged text and the number of conflicts; raises DeployError."""
    with tempfile.TemporaryDirectory(prefix="ramped-init-") as folder:
        paths = [Path(folder, name) for name in ("current", "base", "new")]
        for path, text in zip(paths, (current, base, new), strict=True):
            path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["git", "merge-file", "--stdout", "--quiet", *map(str, paths)], capture_output=True, text=True, check=False
        )
    if not 0 <= done.returncode <= _CONFLICTS:
        raise DeployError(f"git merge-file exited {done.returncode}: {done.stderr.strip()}")
    return done.stdout, done.returncode
