"""`init`: write the files that a repository needs for the commands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ..errors import SettingsError

_PACKAGE = Path(__file__).resolve().parents[1]
# In a wheel the snippets are in the package, in a clone or a fork beside it.
_SNIPPETS = (_PACKAGE / "settings_snippets", _PACKAGE.parent / "settings_snippets")
_FABFILE = f'from {__package__.partition(".")[0]} import ns\n\n__all__ = ["ns"]\n'


def init(folder: Path, *, dry: bool) -> None:
    """Write fabfile.py, tasks.py, fabric.yaml and the drop-ins into a folder; existing files stay as they are.

    Raises SettingsError where the drop-ins were not copied with the commands.
    """
    snippets = next((path for path in _SNIPPETS if path.is_dir()), None)
    if snippets is None:
        raise SettingsError(f"init needs the folder settings_snippets beside {_PACKAGE}: copy it too")
    files = {name: _writer(_FABFILE) for name in ("fabfile.py", "tasks.py")}
    files["fabric.yaml"] = _copier(snippets / "fabric.yaml")
    for path in sorted(path for path in snippets.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        if path.name != "fabric.yaml":
            files[f"settings_snippets/{path.relative_to(snippets)}"] = _copier(path)
    lines = []
    for name, write in files.items():
        target = folder / name
        exists = target.exists() or (name == "tasks.py" and (folder / "tasks").is_dir())
        lines.append(f"{'exists, kept' if exists else 'would write' if dry else 'written'}: {name}")
        if not exists and not dry:
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target)
    print("\n".join([*lines, "Next: fill in fabric.yaml, then copy the drop-ins as settings_snippets/README.md says."]))


def _writer(text: str) -> Callable[[Path], object]:
    return lambda target: target.write_text(text, encoding="utf-8")


def _copier(source: Path) -> Callable[[Path], object]:
    return lambda target: shutil.copy(source, target)
