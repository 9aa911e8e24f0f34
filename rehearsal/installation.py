"""Where the rehearsal, the commands and the snippets lie: in a clone, in a fork under other names, or in an installed wheel."""

from pathlib import Path

_HERE = Path(__file__).parent

# From here Python finds this package by its name, `rehearsal` or `ramped.rehearsal`.
ROOT = Path(__file__).parents[__name__.count(".")]
SNIPPETS = _HERE.parent / "settings_snippets"
REQUIREMENTS = _HERE / "requirements.txt"


def commands() -> Path:
    """Return the folder of the package with the commands: the rehearsal lies in it (a wheel) or beside it (clone, fork)."""
    beside = sorted(path for path in _HERE.parent.iterdir() if path.is_dir())
    return next(folder for folder in (_HERE.parent, *beside) if (folder / "operations/rehearse.py").is_file())
