"""The golden image: layers that are built once, kept under a name made of their contents, and used by any number of rehearsals.

`python -m rehearsal.hosts.machines.golden` builds what is not there and says where it lies. It needs the network: the
computer's own apt sources, and what its pip is set up with.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import image_files, requirements

KEPT = 3  # of each kind, the ones used last
_OWN_MOUNTS = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_SLIM = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


class GoldenError(Exception):
    """Say which part of the image could not be made, and why."""


def cache() -> Path:
    """Return where layers are kept: in $RAMPED_CACHE, else in the cache folder of this user ($XDG_CACHE_HOME)."""
    if own := os.environ.get("RAMPED_CACHE"):
        return Path(own)
    # Not $HOME: a rehearsal has a home folder of its own, which is gone afterwards.
    usual = Path(pwd.getpwuid(os.geteuid()).pw_dir) / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "ramped"


def layers(say: Callable[[str], None] = lambda line: None, more: Sequence[str] = ()) -> list[Path]:
    """Return the cached layers, the lowest first; build what is not there.

    `say` gets a line for each step that takes long. `more`: Debian packages besides, for a site that is not the shop and brings
    its own virtual environment. Raises GoldenError.
    """
    key = image_files.base_key(_suite(), more)
    base = _layer("debian", key, lambda folder: _build_base(folder, more), say)
    if more:
        return [base]
    venv = _layer("venv", image_files.venv_key(key), lambda folder: _build_venv(base, folder), say)
    return [base, venv]


def write_settings(folder: Path) -> Path:
    """Write the topmost layer into a new folder and return it."""
    lay(folder, image_files.settings(), image_files.links())
    return folder


def lay(folder: Path, files: Mapping[str, image_files.File], links: Mapping[str, str]) -> None:
    """Write files and symbolic links of an image into a folder, by their paths."""
    for path, file in files.items():
        _parents(folder, path)
        (folder / path).write_text(file.text, encoding="utf-8")
        (folder / path).chmod(file.mode)
    for path, target in links.items():
        _parents(folder, path)
        (folder / path).symlink_to(target)


def _parents(folder: Path, path: str) -> None:
    """Make the folders above a path, with the mode that they have in the layers below, whatever our umask is."""
    for above in reversed(Path(path).parents):
        if not (folder / above).is_dir():
            (folder / above).mkdir()
            (folder / above).chmod(0o755)


@contextmanager
def in_use(layer: Path) -> Iterator[None]:
    """Hold a cached layer: while it is held, it is not pruned."""
    with (layer.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _layer(kind: str, key: str, build: Callable[[Path], None], say: Callable[[str], None]) -> Path:
    """Return a layer's folder. It is renamed when complete; a second builder waits and takes it."""
    top = cache()
    top.mkdir(parents=True, exist_ok=True)
    whole = top / f"{kind}-{key}"
    with (top / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (whole / "root").is_dir():
            say(f"building {whole} (once)")
            _remove_leftovers(top, kind)
            partial = Path(tempfile.mkdtemp(prefix=f"{kind}.partial-", dir=top))
            (partial / "root").mkdir(mode=0o755)
            build(partial / "root")
            partial.chmod(0o755)
            partial.rename(whole)
        os.utime(whole)
        _prune(top, kind, whole)
    return whole / "root"


def _remove_leftovers(top: Path, kind: str) -> None:
    """Remove the leftovers of a killed builder: the holder of the lock is the only builder."""
    for partial in top.glob(f"{kind}.partial-*"):
        shutil.rmtree(partial)


def _prune(top: Path, kind: str, kept: Path) -> None:
    """Remove all but the layers that were used last, and those in use."""
    by_age = sorted(top.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[KEPT:]:
        with (old / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if old != kept:
                shutil.rmtree(old)


def _suite() -> str:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    found = [line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")]
    if not found:
        raise GoldenError("/etc/os-release has no VERSION_CODENAME: this is no released Debian")
    return found[0]


def _sources() -> str:
    """Return the computer's own sources of Debian's packages, as lines of a sources.list."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    lines = _run(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"]).splitlines()
    if not lines:
        raise GoldenError("apt knows no packages of Debian here: apt-get update")
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _build_base(root: Path, more: Sequence[str]) -> None:
    """Make a Debian with what a web host has; in mount and process namespaces of its own, so that a kill leaves no mount."""
    with tempfile.TemporaryDirectory(prefix="golden-") as name:
        hook, sources = Path(name) / "setup", Path(name) / "sources.list"
        hook.write_text(f"#!/bin/sh\nset -e\nchroot \"$1\" /bin/sh -ec '{image_files.SETUP}'\n", encoding="utf-8")
        hook.chmod(0o755)
        sources.write_text(_sources(), encoding="utf-8")
        _run(
            [
                *(
                    *_OWN_MOUNTS,
                    "mmdebstrap",
                    "--quiet",
                    "--mode=root",
                    "--variant=minbase",
                    f"--include={','.join((*image_files.PACKAGES, *more))}",
                ),
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _SLIM),
                *('--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io"),
                *(f"--customize-hook={hook}", _suite(), str(root), str(sources)),
            ]
        )


def python_of(base: Path) -> str:
    """Return the version of the Python of a layer of Debian, such as 3.11."""
    found = (base / "usr/bin").glob("python3.*[0-9]")
    return max(found, key=lambda path: int(path.name.partition(".")[2])).name.removeprefix("python")


def _build_venv(base: Path, folder: Path) -> None:
    """Make the site's virtual environment with the Python of the layer below; pip downloads out here, and installs in there."""
    with tempfile.TemporaryDirectory(prefix="golden-", dir=folder.parent) as name:
        wheels, work, merged = (Path(name) / part for part in ("wheels", "work", "merged"))
        for made in (wheels, work, merged):
            made.mkdir()
        version = python_of(base)
        python = f"python{version}"
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
        _run([*pip, f"--python-version={version}", f"--dest={wheels}", *image_files.wheels()])
        venv, wanted = f"{image_files.HOME}/venv", " ".join(f'"{wheel}"' for wheel in image_files.wheels())
        script = f"""
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mkdir "$4/srv/wheels"
mount --bind "$5" "$4/srv/wheels"
chroot "$4" setpriv --reuid={image_files.UID} --regid={image_files.UID} --clear-groups --reset-env /bin/sh -ec '
    umask 022
    {python} -m venv {venv}
    {venv}/bin/python -m pip install -qq --disable-pip-version-check --no-index --no-cache-dir --find-links /srv/wheels {wanted}'
umount "$4/srv/wheels"
rmdir "$4/srv/wheels"
"""
        _run([*_OWN_MOUNTS, "sh", "-ec", script, "sh", *map(str, (base, folder, work, merged, wheels))])


def _run(command: Sequence[str]) -> str:
    environment = os.environ | {"PATH": requirements.search_path(), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        last = "; ".join((done.stderr or done.stdout).strip().splitlines()[-4:])
        raise GoldenError(f"the golden image: `{' '.join(command[:8])} ...` exited {done.returncode}: {last}")
    return done.stdout


def main() -> int:
    """Build what is missing and print where the layers are; return the exit code."""
    if line := requirements.missing():
        print(f"golden image: {line}", file=sys.stderr)
        return 2
    try:
        found = layers(lambda line: print(f"golden image: {line}", file=sys.stderr, flush=True))
    except GoldenError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(map(str, found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
