"""A virtual environment of this computer on a machine: another place, and the Python that is there."""

import re
from pathlib import Path

from ..hosts.machines import golden
from ..sandbox import Refusal
from . import libraries
from .commands import run

_WHERE = "import sys; print(*sys.version_info[:2], sep='.'); print(sys.base_prefix)"


def python_on_machines(venv: Path, base: Path) -> tuple[str, dict[str, str]]:
    """Return the folder with the Python of an environment on a machine, and the folders that machines need for it.

    Args: base: the layer of Debian. Its own Python serves where it is of the same version, and no program of the environment is
    linked with that of this computer; else this computer's is taken along.
    """
    version, prefix = run(venv / "bin/python", "-c", _WHERE, cwd=venv, what="python").splitlines()
    if version == golden.python_of(base) and (prefix == "/usr" or not libraries.wants_its_python(venv, prefix)):
        return "/usr/bin", {}
    if prefix == "/usr":
        raise Refusal(
            f"the site wants Python {version}; machines have {golden.python_of(base)}, and this one cannot be taken along"
        )
    return f"/opt/python{version}/bin", {f"/opt/python{version}": prefix}


def move(venv: Path, was: str, becomes: str, home: str) -> None:
    """Let an environment that lies in a folder work at another place.

    Args: was: where its scripts say that it is. becomes: where it will be. home: the folder of its Python there.
    """
    programs = venv / "bin"
    version = next(path.name for path in venv.glob("lib/python3.*"))
    for link in programs.glob("python*"):
        if link.is_symlink():
            link.unlink()
    (programs / version).symlink_to(f"{home}/{version}")
    for name in ("python", "python3"):
        (programs / name).symlink_to(version)
    settings = venv / "pyvenv.cfg"
    text = re.sub(r"^home *=.*$", f"home = {home}", settings.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"^(?:executable|command) *=.*\n?", "", text, flags=re.MULTILINE)
    settings.write_text(text, encoding="utf-8")
    _replace([path for path in programs.iterdir() if path.is_file() and not path.is_symlink()], was, becomes)


def move_checkout(venv: Path, was: str, becomes: str) -> None:
    """Let a site that is installed editable be found where its checkout is."""
    packages = next(venv.glob("lib/python3.*")) / "site-packages"
    _replace([path for pattern in ("*.pth", "*.egg-link", "__editable__*.py") for path in packages.glob(pattern)], was, becomes)


def _replace(files: list[Path], was: str, becomes: str) -> None:
    for file in files:
        found = file.read_bytes()
        if was.encode() in found:
            file.write_bytes(found.replace(was.encode(), becomes.encode()))
