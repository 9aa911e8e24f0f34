"""The disks of machines: an overlay, whose upper layer is what the machine has written; an image is a copy of that layer."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class DiskError(Exception):
    """Say which disk could not be copied or mounted, and why."""


def copy(source: Path, target: Path) -> None:
    """Copy a layer as it is: owners, deletions (devices 0:0), attributes, sockets. The target appears whole. Raises DiskError."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["cp", "-a", "--reflink=auto", "-T", source, partial],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    if done.returncode != 0 and not (partial.is_dir() and _only_vanished(done.stderr)):
        shutil.rmtree(partial, ignore_errors=True)
        raise DiskError(f"{source}: cannot be copied to {target}: {done.stderr.strip()}")
    partial.rename(target)


def _only_vanished(errors: str) -> bool:
    """Say whether all that went wrong is that files of a live disk were gone when their turn came: then they are not in it."""
    lines = errors.strip().splitlines()
    return bool(lines) and all(line.startswith("cp: cannot ") and line.endswith(": No such file or directory") for line in lines)


def mount(lower: Sequence[Path], upper: Path, work: Path, at: Path) -> None:
    """Mount a disk: `lower` are the layers of the golden image, the lowest first. Raises DiskError."""
    for folder in (upper, work, at):
        folder.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    _overlay(at, f"lowerdir={_stacked(lower)},upperdir={upper},workdir={work}")


@contextmanager
def mounted(lower: Sequence[Path], image: Path, at: Path) -> Iterator[Path]:
    """Mount an image to be looked at, with the golden image below it; only in a mount namespace that is thrown away."""
    at.mkdir(parents=True, exist_ok=True)
    _overlay(at, f"ro,lowerdir={_stacked([*lower, image])}")
    try:
        yield at
    finally:
        unmount(at)


def unmount(at: Path) -> None:
    """Unmount a disk, also one that is still in use."""
    subprocess.run(["umount", "--lazy", at], check=False, capture_output=True)


def _stacked(layers: Sequence[Path]) -> str:
    return ":".join(str(layer) for layer in reversed(layers))


def _overlay(at: Path, options: str) -> None:
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, at], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DiskError(
            f"{at}: no overlay can be mounted here (set TMPDIR to a folder on ext4, xfs or tmpfs): {done.stderr.strip()}"
        )
