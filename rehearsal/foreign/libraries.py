"""The libraries of the system that the programs and modules of a virtual environment are linked with, by Debian's packages.

What pip built here was built with the libraries of this computer; wheels mostly bring their own.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

_BATCH = 100  # files at a time: command lines have an end
_FOUND = re.compile(r"^\t\S+ => (/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)
_PACKAGE = re.compile(r"^([a-z0-9][a-z0-9.+-]+)(?::\w+)?(?:, \S+)*: (/.+)$", re.MULTILINE)


def packages(venvs: Sequence[Path], base: Path, say: Callable[[str], None]) -> list[str]:
    """Return the packages of Debian that environments need and a layer lacks; says which library is in none.

    Args: base: the layer of Debian.
    """
    lacking = {}
    for library in sorted(_linked(path for venv in venvs for path in _compiled(venv))):
        of_debian = any(name.startswith("/usr/lib/") for name in _names(library))
        # What a wheel brings lies beside it; and with the library of a Python that is not Debian's, that Python is taken along.
        if not any(map(library.is_relative_to, venvs)) and (of_debian or not _of_python(library)) and not _in(base, library):
            lacking[library] = ""
    lacking |= _owners(lacking)
    for library in (library for library, package in lacking.items() if not package):
        say(f"{library}: no package of Debian has it, so machines lack it, and what is linked with it does not start there")
    return sorted({package for package in lacking.values() if package})


def wants_its_python(venv: Path, prefix: str) -> bool:
    """Return whether a program of an environment is linked with the library of its Python, such as uWSGI's."""
    programs = [path for path in (venv / "bin").iterdir() if not path.is_symlink() and _is_elf(path)]
    return any(library.is_relative_to(prefix) for library in _linked(programs) if _of_python(library))


def _of_python(library: Path) -> bool:
    return library.name.startswith("libpython")


def _compiled(venv: Path) -> Iterator[Path]:
    for folder in ("bin", "lib"):
        for path in sorted((venv / folder).rglob("*")):
            if (folder == "bin" or ".so" in path.name) and not path.is_symlink() and _is_elf(path):
                yield path


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _linked(files: Iterable[Path]) -> set[Path]:
    """Return the libraries that files are linked with, as they are found here; what is not found fails here, too."""
    found: set[Path] = set()
    listed = list(files)
    for begin in range(0, len(listed), _BATCH):
        # It exits with 1 where a file is linked with nothing.
        done = subprocess.run(["ldd", *listed[begin : begin + _BATCH]], capture_output=True, text=True, check=False)
        found |= {Path(os.path.normpath(name)) for name in _FOUND.findall(done.stdout)}
    return found


def _in(base: Path, library: Path) -> bool:
    return any((base / name.lstrip("/")).exists() for name in _names(library))


def _owners(libraries: Iterable[Path]) -> dict[Path, str]:
    """Return the packages of this computer's that libraries are from. Source: dpkg-query(1), --search."""
    by_name = {name: library for library in libraries for name in _names(library)}
    if not by_name:
        return {}
    # It exits with 1 where one of the names is in no package.
    done = subprocess.run(["dpkg-query", "--search", *by_name], capture_output=True, text=True, check=False)
    return {by_name[name]: package for package, name in _PACKAGE.findall(done.stdout) if name in by_name}


def _names(library: Path) -> Sequence[str]:
    """Return what a package may call a file: /lib and /usr/lib are one folder."""
    name = str(library)
    return (name, name.removeprefix("/usr") if name.startswith("/usr/lib/") else f"/usr{name}")
