"""From what a project should have to what is written: merged with what was changed by hand, and compiled."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...decisions.setup import blocks
from ...decisions.setup.source import compiles
from ...errors import DeployError
from .merging import merge
from .project import Wanted, record_of
from .repository import Repository
from .writing import File


@dataclass
class Changes:
    """Files to write, by name: `ours`, and `edits` of the project's own, each with the base that is recorded with it."""

    ours: dict[str, File] = field(default_factory=dict)
    edits: dict[str, File] = field(default_factory=dict)
    bases: dict[str, dict[str, File]] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def changes(found: Repository, want: Wanted) -> Changes:
    """Return what changes in a project. Raises SettingsError for what is no text, DeployError for what would be no Python."""
    made = Changes(left=list(want.left))
    for name, file in want.files.items():
        _decide(found, made, name, found.own(name), file.text, file.mode)
    for name, block in want.blocks.items():
        _decide_block(found, made, name, block)
    for name, file in {**made.ours, **made.edits}.items():
        if name.endswith(".py") and (wrong := compiles(file.text)):
            raise DeployError(f"{name}: would be no Python after the change ({wrong}): nothing was written")
    return made


def _decide(found: Repository, made: Changes, name: str, current: str | None, new: str, mode: int | None) -> None:
    record = record_of(name)
    merged = merge(name, current, found.text(record), new)
    made.says[name] = merged.says
    made.left += [merged.left] if merged.left else []
    if merged.text is not None:
        made.ours[name] = File(merged.text, mode)
    if not merged.left and found.text(record) != new:
        made.bases[name] = {record: File(new)}


def _decide_block(found: Repository, made: Changes, name: str, block: str) -> None:
    text, record = found.own(name) or "", record_of(name, "block")
    merged = merge(name, blocks.found(text), found.text(record), block)
    made.says[name] = merged.says
    made.left += [merged.left] if merged.left else []
    if merged.text is not None:
        made.edits[name] = File(blocks.placed(text, merged.text))
    if not merged.left and found.text(record) != block:
        made.bases[name] = {record: File(block)}
