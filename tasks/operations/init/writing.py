"""Write several files: all of them, or none."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import DeployError


@dataclass(frozen=True)
class File:
    """A file to write; `mode`: None for that of the file that is there, or the usual one."""

    text: str
    mode: int | None = None


def write_all(top: Path, files: Mapping[str, File]) -> None:
    """Write files below a folder.

    Every text lies beside its place before the first one is put there. Raises DeployError where one cannot be written, when
    everything is as before, and where one would lie elsewhere.
    """
    places = {name: place(top, name) for name in files}
    made: list[Path] = []
    staged: list[tuple[Path, Path]] = []
    before: list[tuple[Path, bytes | None]] = []
    try:
        for name, file in files.items():
            target = places[name]
            made += _make_folders(target.parent)
            staged.append((_stage(target, file), target))
        for temporary, target in staged:
            before.append((target, target.read_bytes() if target.exists() else None))
            temporary.replace(target)
    except OSError as error:
        _undo(before, [temporary for temporary, _ in staged], made)
        raise DeployError(f"{error.filename}: {error.strerror}: nothing was written") from None
    except KeyboardInterrupt:
        _undo(before, [temporary for temporary, _ in staged], made)
        raise


def place(top: Path, name: str) -> Path:
    """Return where a file below a folder really lies: what a link points to is written, the link stays.

    Raises DeployError where a link leads out of the folder.
    """
    try:
        found = (top / name).resolve()
    except (OSError, RuntimeError):
        raise DeployError(f"{name}: its links go round in a circle: nothing was written") from None
    if not found.is_relative_to(top.resolve()):
        raise DeployError(f"{name}: a link leads out of the repository, to {found}: nothing was written")
    return found


def _make_folders(folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _stage(target: Path, file: File) -> Path:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="") as stream:
            stream.write(file.text)
            stream.flush()
            os.fsync(stream.fileno())
        if file.mode is not None or target.exists():
            temporary.chmod(file.mode if file.mode is not None else target.stat().st_mode & 0o7777)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _undo(before: Sequence[tuple[Path, bytes | None]], staged: Sequence[Path], made: Sequence[Path]) -> None:
    for temporary in staged:
        temporary.unlink(missing_ok=True)
    for target, content in before:
        if content is None:
            target.unlink(missing_ok=True)
        else:
            target.write_bytes(content)
    for folder in reversed(made):
        with suppress(OSError):  # something else has come to lie in it
            folder.rmdir()
