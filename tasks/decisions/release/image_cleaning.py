"""Requests to the program that keeps secrets out of an image, and its answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from .answers import json_object

LIMIT = 600  # seconds after which the host restores everything by itself
BEGIN = 300  # seconds within which EC2 begins the snapshots
CLEAN = "ramped:clean"  # the tag of an image whose bake was completed: yes, or no where nothing was cleaned
_UNITS = "/etc/ramped/image.conf"


@dataclass(frozen=True)
class CleanedFiles:
    """The files that were set aside or deleted on a host."""

    aside: int
    dropped: int
    keys: tuple[str, ...]  # the names of the authorized keys left out
    frozen: bool
    left_out: tuple[str, ...] = ()  # what could not be set aside, and why
    found: tuple[tuple[str, str], ...] = ()  # what the image will hold although it looks like a secret: path and kind
    unscanned: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Describe them in one line."""
        left_out = f", left out the authorized keys of {', '.join(self.keys)}" if self.keys else ""
        how = "frozen" if self.frozen else "flushed"
        return f"put {self.aside} aside, dropped {self.dropped} caches and leftovers{left_out}; the file system is {how}"

    def remarks(self) -> list[str]:
        """Return what an operator should know of the image's contents, a line each."""
        lines = [f"not set aside: {why}" for why in self.left_out]
        lines += [f"the image holds {path}: {kind}" for path, kind in self.found]
        return lines + [f"not scanned for secrets: {why}" for why in self.unscanned]


def hold(cleaner: str) -> str:
    """Return the command that sets secrets aside; it reads its request from standard input."""
    return f"sudo -n {_path(cleaner)} hold"


def there(cleaner: str) -> str:
    """Return the command that succeeds where the program is installed."""
    return f"test -x {_path(cleaner)}"


def _path(cleaner: str) -> str:
    return "~/" + quote(cleaner[2:]) if cleaner.startswith("~/") else quote(cleaner)


def standing() -> str:
    """Print the units that the program itself stops and starts."""
    return f"sed -n 's/^unit  *//p' {_UNITS} 2>/dev/null || true"


def request(secrets: Sequence[str], keys: Sequence[str] | None) -> str:
    """Return the request line; `keys`: those that stay, None: all."""
    return json.dumps({"secrets": list(secrets), "keys": None if keys is None else list(keys), "limit": LIMIT})


def read(line: str) -> CleanedFiles:
    """Read the program's answer once everything is aside.

    Raises ValueError for anything else.
    """
    answer = json_object(line) or {}
    lists = {name: answer.get(name, []) for name in ("keys", "left_out", "found", "unscanned")}
    counts = [answer.get("aside"), answer.get("dropped")]
    whole = all(isinstance(value, list) for value in lists.values()) and all(type(count) is int for count in counts)
    if not whole or type(answer.get("frozen")) is not bool or "keys" not in answer:
        raise ValueError(line)
    return CleanedFiles(
        aside=answer["aside"],
        dropped=answer["dropped"],
        keys=tuple(map(str, lists["keys"])),
        frozen=answer["frozen"],
        left_out=tuple(map(str, lists["left_out"])),
        found=tuple((str(f.get("path", "")), str(f.get("kind", ""))) for f in lists["found"] if isinstance(f, dict)),
        unscanned=tuple(map(str, lists["unscanned"])),
    )


def ended(line: str) -> str:
    """Return why it ended: asked, gone or limit; empty for anything else."""
    return str((json_object(line) or {}).get("ended", ""))
