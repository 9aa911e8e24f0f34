"""What is on the disk of the first image: the checkout and the settings of a host; nothing is deployed yet."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from .sandbox import Refusal
from .site import repository

_PACKAGES = ("site-packages", "dist-packages")  # the second is Debian's name


def of_processes(top: Path, shared: Path, variables: Mapping[str, str]) -> Path:
    """Make the home of a process host's SSH user and return it. `variables` are the lines of shop.env. Raises Refusal."""
    disk = top / "base"
    disk.mkdir()
    _run(sys.executable, "-m", "venv", "--without-pip", str(disk / "venv"))
    packages = next((disk / "venv/lib").glob("python*/site-packages"))
    # The hosts' Python sees what is installed here: no download for each host.
    outer = [path for path in sys.path if (Path(path) / "gunicorn").is_dir() or path.endswith(_PACKAGES)]
    (packages / "rehearsal.pth").write_text("\n".join(outer) + "\n", encoding="utf-8")
    _run("git", "clone", "--quiet", str(repository.origin_of(top)), str(disk / "app"))
    shutil.copytree(repository.UNITS["socket"], disk / "systemd")
    for name in ("static", "database"):
        (shared / name).mkdir()
        (disk / name).symlink_to(shared / name)
    _write(disk / "shop.env", variables)
    return disk


def of_machines(top: Path, shared: Path, origin: str, variables: Mapping[str, str]) -> Path:
    """Make what lies over the golden image and return it; `origin` is where the hosts fetch from. Raises Refusal.

    All is the operator's; shop.env holds the database's password, and only the site may read it besides.
    """
    from .hosts.machines import golden, image_files

    disk = top / "base"
    home = disk / image_files.HOME.lstrip("/")
    home.mkdir(parents=True)
    _run("git", "clone", "--quiet", str(repository.origin_of(top)), str(home / "app"))
    _run("git", "-C", str(home / "app"), "remote", "set-url", "origin", origin)
    static = f"{image_files.SHARED}/static"
    _write(home / "shop.env", {**variables, "SHOP_STATIC_ROOT": static})
    (home / "shop.env").chmod(0o640)
    (shared / "static").mkdir()
    for folder in (disk, disk / "srv", home, shared, shared / "static"):
        folder.chmod(0o755)
    golden.lay(disk, *image_files.settings_at_boot())
    owner = f"{image_files.UID}:{image_files.SITE_UID}"
    _run("chown", "--recursive", "--no-dereference", owner, str(home), str(shared))
    return disk


def _write(file: Path, variables: Mapping[str, str]) -> None:
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), encoding="utf-8")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refusal(f"`{' '.join(command)}` exited {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
