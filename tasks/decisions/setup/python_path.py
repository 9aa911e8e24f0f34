"""PYTHONPATH of a site's environment: what it has in its checkout, which is another folder where the site is only tried."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import join, normpath

NAME = "PYTHONPATH"
LEFT_OUT = f"{NAME} of the environment file: "  # before what is left out


@dataclass(frozen=True)
class PythonPath:
    """Folders relative to the checkout; `elsewhere`: the parts that lie in none; `directory`: of the real checkout."""

    folders: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    directory: str = ""

    @property
    def left(self) -> list[str]:
        """What is said of the parts that lie elsewhere."""
        return [
            f"{LEFT_OUT}{ascii(part)[1:-1]} is not in app.directory ({self.directory}), and is left out here"
            for part in self.elsewhere
        ]


def python_path(path: str, directory: str, source: str) -> PythonPath:
    """Return the parts of a PYTHONPATH.

    Args: directory: of the real checkout. source: the folder in it from which the site's programs start.
    """
    top = normpath(directory)
    folders, elsewhere = [], []
    for part in filter(None, path.split(":")):
        full = normpath(join(directory, source, part))
        if f"{full}/".startswith(f"{top}/") and full.isprintable():
            folders.append(full[len(top) + 1 :] or ".")
        else:
            elsewhere.append(part)
    return PythonPath(tuple(folders), tuple(elsewhere), directory)
